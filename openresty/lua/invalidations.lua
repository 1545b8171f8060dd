-- What viewers' own requests make old (RFC 9111 § 4.4): a POST that the origin took leaves what is stored of its URL
-- behind. Anybody may cause that, so it shares no memory with purges and costs nobody else's: a distribution has the latest
-- thousand of its own. Owns the dict `invalidated`, which may evict. Written in header_filter of `@pass`, read in access.
local clock = require "clock"
local url = require "url"

local ngx = ngx
local dict = ngx.shared.invalidated
local md5_bin, now = ngx.md5_bin, ngx.now
local concat = table.concat
local find, gmatch, gsub, lower, match, sub = string.find, string.gmatch, string.gsub, string.lower, string.match,
  string.sub
local floor, max = math.floor, math.max

local PER_DISTRIBUTION_MAX = 1000
-- As long as an era: nothing older is found anyway.
local KEPT_SECONDS = 31 * 86400

-- An origin's header may be far longer than any URL that is cached.
local REFERENCE_BYTES_MAX = 4096

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

-- RFC 3986 § 5.2.4; nil for what leads above the root.
local function without_dots(path)
  local kept, size, last = {}, 0, nil
  for segment in gmatch(path, "/([^/]*)") do
    last = segment
    if segment == ".." then
      if size == 0 then return nil end
      kept[size], size = nil, size - 1
    elseif segment ~= "." then
      size = size + 1
      kept[size] = "/" .. segment
    end
  end
  if last == "." or last == ".." then kept[size + 1] = "/" end
  return concat(kept)
end

--- The canonical target that a Location or Content-Location names on the same host, and its path; nil for another's.
-- `target`: whose answer says it.
function M.resolve(reference, host, target)
  if #reference > REFERENCE_BYTES_MAX then return nil end
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
  local plain = without_dots(path)
  return plain and url.canonical(plain .. query)
end

return M
