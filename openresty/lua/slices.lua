-- Large files in slices: each is fetched and kept on its own (nginx's slice module, in `@sliced`). Slices of two versions
-- must not meet. A version is known by its validator. When the origin shows another one, a new turn begins, which is part
-- of the slices' keys and leaves the old ones behind; and an answer whose beginning is of the old one is broken off. Owns
-- the dict `slices`, which may evict: then old slices that are still fresh may be served once more, all of one version.
-- Phases: access and header_filter of the outer hop, header_filter of the inner one.
local dict = ngx.shared.slices
local crc32, md5_bin = ngx.crc32_long, ngx.md5_bin
local format, match, sub = string.format, string.match, string.sub
local tonumber = tonumber

local TURN_DIGITS, FIRST_TURN = 8, "00000000"

local M = {}

--- The version that a validator names.
function M.version(validator) return format("%08x", crc32(validator)) end

--- The turn of a URL's slices.
function M.turn(cache_key)
  local entry = dict:get(md5_bin(cache_key))
  return entry and sub(entry, 1, TURN_DIGITS) or FIRST_TURN
end

--- The origin has shown this version. Whether it is that of the turn; else a new one has begun.
function M.note(cache_key, version)
  local key = md5_bin(cache_key)
  local entry = dict:get(key)
  if entry and sub(entry, TURN_DIGITS + 1) == version then return true end
  local turn = entry and tonumber(sub(entry, 1, TURN_DIGITS)) + 1 or 0
  dict:set(key, format("%08d", turn) .. version)
  return entry == nil
end

--- Whether a request to the origin is for a slice, and then whether for the first one.
function M.is_slice(range)
  local first = range and match(range, "^bytes=(%d+)%-%d+$")
  if first then return true, first == "0" end
  return false
end

return M
