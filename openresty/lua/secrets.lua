-- Customers' secrets, by their id: keys that requests to buckets are signed with, and those of signed URLs. They come from
-- the agent over the control socket and are nowhere on the disk. Owns the dict `secrets`; nothing reads it but `find`.
local secrets = ngx.shared.secrets
local pairs, type = pairs, type

local BYTES_MAX = 4096

local M = {}

local function fault_of(id, value)
  if type(id) ~= "string" or #id ~= 36 then return "a secret is named by its id" end
  if value ~= false and (type(value) ~= "string" or value == "" or #value > BYTES_MAX) then return id .. ": not a secret" end
end

--- Merges id → the secret; `false` takes it away. nil and why, when it cannot: never with a secret in it.
function M.merge(map)
  if type(map) ~= "table" then return nil, "an object is wanted" end
  for id, value in pairs(map) do
    local fault = fault_of(id, value)
    if fault then return nil, fault end
  end
  for id, value in pairs(map) do
    if value == false then
      secrets:delete(id)
    else
      local ok, err = secrets:safe_set(id, value)
      if not ok then return nil, id .. ": " .. err end
    end
  end
  return true
end

--- The bytes of a secret; nil when this edge has none of that id.
function M.find(id) return secrets:get(id) end

return M
