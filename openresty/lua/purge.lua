-- What a purge is: decoded and checked. Its writer is the control plane (agents/contract.ts, purgeBodySchema). Any phase; no
-- dict.
local cjson = require "cjson.safe"

local byte, find, gmatch, match, sub = string.byte, string.find, string.gmatch, string.match, string.sub
local floor = math.floor
local pairs, type = pairs, type

local FORMAT = 1
local BYTES_MAX = 256 * 1024
-- Milliseconds until the year 5138: fourteen digits.
local EPOCH_MAX = 99999999999999
local TEXT_CHARS_MAX = 16384
-- Deeper prefixes count as this deep: a bit each, and nobody pays for more than so many look-ups.
local DEPTH_MAX = 31
local SLASH = byte("/")

local decoder = cjson.new()
decoder.decode_max_depth(4)

local M = {}

local function is_url(text) return byte(text) == SLASH end
local function is_prefix(text) return byte(text) == SLASH and byte(text, -1) == SLASH end
local function is_tag(text) return text ~= "" end

local LISTS = { urls = is_url, prefixes = is_prefix, tags = is_tag }

local function list_fault(list, name, is_right)
  if list == nil then return nil end
  if type(list) ~= "table" then return name .. ": not a list" end
  local count = 0
  for index, text in pairs(list) do
    if type(index) ~= "number" or type(text) ~= "string" or #text > TEXT_CHARS_MAX or not is_right(text) then return name end
    count = count + 1
  end
  if count ~= #list then return name .. ": not a list" end
end

local function is_epoch(value)
  return type(value) == "number" and value >= 1 and value <= EPOCH_MAX and floor(value) == value
end

local function fault_of(purge)
  if type(purge) ~= "table" then return "not an object" end
  if purge.format ~= FORMAT then return "not of a format that this edge knows" end
  if type(purge.distribution) ~= "string" or #purge.distribution ~= 36 then return "distribution" end
  if not is_epoch(purge.epoch) then return "epoch" end
  if purge.all ~= nil and purge.all ~= true then return "all" end
  for name, is_right in pairs(LISTS) do
    local fault = list_fault(purge[name], name, is_right)
    if fault then return fault end
  end
end

--- The purge, or nil and what is wrong.
function M.decode(body)
  if #body > BYTES_MAX then return nil, "more than " .. BYTES_MAX .. " bytes" end
  local purge, err = decoder.decode(body)
  if purge == nil then return nil, "not JSON: " .. err end
  local fault = fault_of(purge)
  if fault then return nil, fault end
  return purge
end

--- The end of the path's first `depth` segments, behind the `/` that closes them; nil when it has fewer.
local function end_of(path, depth)
  local at = 0
  for _ = 1, depth do
    at = find(path, "/", at + 1, true)
    if not at then return nil end
  end
  return at
end

--- How deep a prefix is, and the prefix as it is marked. One that is too deep is cut: it purges more.
function M.prefix(text)
  local depth = 0
  for _ in gmatch(text, "/") do depth = depth + 1 end
  if depth <= DEPTH_MAX then return depth, text end
  return DEPTH_MAX, sub(text, 1, end_of(text, DEPTH_MAX))
end

--- A target's path.
function M.path_of(target) return match(target, "^[^?]*") end

return M
