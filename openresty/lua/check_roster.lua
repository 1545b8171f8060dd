-- Which distributions have servers that are checked: the list that the checker goes through, since nobody walks the
-- documents. Owns the dict `checks`. Writing: whoever writes documents, one at a time. Reading: the checker's timer.
local checks = ngx.shared.checks
local crc32 = ngx.crc32_long
local find, gmatch, gsub = string.find, string.gmatch, string.gsub

-- A part of the list is read and written as a whole.
local PARTS = 1024

local M = {}

local function part_key(part) return "part|" .. part end

--- Puts a distribution on the list or takes it off.
function M.note(id, is_checked)
  local key = part_key(crc32(id) % PARTS)
  local text = checks:get(key) or ""
  local is_there = find(text, id, 1, true) ~= nil
  if is_there == is_checked then return end
  text = is_checked and text .. id .. " " or gsub(text, gsub(id, "%-", "%%-") .. " ", "")
  if text == "" then return checks:delete(key) end
  local ok, err = checks:safe_set(key, text)
  if not ok then ngx.log(ngx.ERR, "the servers of ", id, " are not checked: ", err) end
end

--- Every distribution on the list, by its id, as a set.
function M.ids()
  local ids = {}
  for part = 0, PARTS - 1 do
    for id in gmatch(checks:get(part_key(part)) or "", "%S+") do ids[id] = true end
  end
  return ids
end

--- Whether the worker with this process id is the one that checks, for the next seconds. Each asks again in time.
function M.is_led_by(pid, seconds)
  if checks:add("leader", pid, seconds) then return true end
  if checks:get("leader") ~= pid then return false end
  checks:set("leader", pid, seconds)
  return true
end

--- Lets another worker check.
function M.resign(pid)
  if checks:get("leader") == pid then checks:delete("leader") end
end

--- As in documents.lua: a dict whose size has changed is empty, and the mark is gone with the rest.
function M.mark_loaded() return checks:safe_set("loaded", "1") end
function M.is_loaded() return checks:get("loaded") and true or false end

function M.clear()
  checks:flush_all()
  checks:flush_expired()
end

return M
