-- What viewers' own requests make old (RFC 9111 § 4.4): a POST that the origin took leaves what is stored of its URL
-- behind. Anybody may cause that, so it shares no memory with purges and costs nobody else's: a distribution has the latest
-- thousand of its own. Owns the dict `invalidated`, which may evict. Written in header_filter of `@pass`, read in access.
local clock = require "clock"
local url = require "url"

local ngx = ngx
local dict = ngx.shared.invalidated
local md5_bin, now = ngx.md5_bin, ngx.now
local find, gsub, lower, match, sub = string.find, string.gsub, string.lower, string.match, string.sub
local floor, max = math.floor, math.max

local PER_DISTRIBUTION_MAX = 1000
-- As long as an era: nothing older is found anyway.
local KEPT_SECONDS = 31 * 86400

local M = {}

local function key_of(id, host, target) return md5_bin(id .. host .. target) end

-- Above every one before it, also one that was forgotten since.
local function next_turn(former)
  return max((former or 0) + 1, clock.now() * 1000 + floor(now() * 1000) % 1000)
end

--- Which turn of a target this is; nil for the first. `target`: as it is kept.
function M.turn(id, host, target)
  if not dict:get(id) then return nil end
  return dict:get(key_of(id, host, target))
end

--- What is stored of this target is old from now on.
function M.note(id, host, target)
  local key = key_of(id, host, target)
  local former = dict:get(key)
  dict:set(key, next_turn(former), KEPT_SECONDS)
  -- It has its place already.
  if former then return end
  local place = id .. (dict:incr(id, 1, 0) or 0) % PER_DISTRIBUTION_MAX
  local oldest = dict:get(place)
  if oldest then dict:delete(oldest) end
  dict:set(place, key, KEPT_SECONDS)
end

-- RFC 3986 § 5.2.4, of a path that may begin with anything.
local function without_dots(path)
  path = gsub(path, "/%./", "/")
  while true do
    local shorter, count = gsub(path, "/[^/]+/%.%./", "/", 1)
    if count == 0 then return shorter end
    path = shorter
  end
end

--- The canonical target that a Location or Content-Location names on the same host, and its path; nil for another's.
-- `target`: whose answer says it.
function M.resolve(reference, host, target)
  local text = match(reference, "^[^#]*")
  local authority, rest = match(text, "^[hH][tT][tT][pP][sS]?://([^/?]*)(.*)$")
  if not authority then authority, rest = match(text, "^//([^/?]*)(.*)$") end
  if authority then
    if lower(gsub(authority, ":%d*$", "")) ~= host then return nil end
    text = find(rest, "^/") and rest or "/" .. rest
  elseif text == "" or find(text, "^[%a][%w+.-]*:") then
    return nil
  elseif sub(text, 1, 1) == "?" then
    text = match(target, "^[^?]*") .. text
  elseif sub(text, 1, 1) ~= "/" then
    text = match(target, "^([^?]*/)") .. text
  end
  local path, query = match(text, "^([^?]*)(.*)$")
  return url.canonical(without_dots(path) .. query)
end

return M
