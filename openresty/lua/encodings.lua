-- The one spelling of Accept-Encoding, so that an answer that varies by it has four variants, not one per browser. Phase:
-- access; no dict.
local lrucache = require "resty.lrucache"

local gmatch, lower, match = string.gmatch, string.lower, string.match
local tonumber = tonumber

local KNOWN_MAX = 500

local known = assert(lrucache.new(KNOWN_MAX))

local M = {}

local function accepts(text, coding)
  for item in gmatch(text, "[^,]+") do
    if match(item, "^%s*([^%s;]*)") == coding then
      local quality = match(item, ";%s*q=([%d.]+)")
      return not quality or (tonumber(quality) or 0) > 0
    end
  end
  return false
end

local function spelt(text)
  text = lower(text)
  local gzip = accepts(text, "gzip")
  if accepts(text, "br") then return gzip and "br, gzip" or "br" end
  return gzip and "gzip" or ""
end

--- Of the codings that the edge and origins have in common, those that are accepted; empty: none.
function M.canonical(text)
  local canonical = known:get(text)
  if not canonical then
    canonical = spelt(text)
    known:set(text, canonical)
  end
  return canonical
end

return M
