-- The one spelling of Accept-Language, so that an answer that varies by it is kept once for all who want the same. What
-- browsers send is spelt so already. Phase: access; no dict.
local lrucache = require "resty.lrucache"

local concat, sort = table.concat, table.sort
local gmatch, gsub, lower, match, upper = string.gmatch, string.gsub, string.lower, string.match, string.upper
local ipairs, tonumber = ipairs, tonumber

local KNOWN_MAX = 1000
-- More than anybody reads: a longer list goes on as it is.
local RANGES_MAX = 30

local known = assert(lrucache.new(KNOWN_MAX))

local M = {}

-- RFC 5646 § 2.1.1: de-DE, zh-Hant.
local function spelt_subtag(dash, subtag)
  if #subtag == 2 then return dash .. upper(subtag) end
  if #subtag == 4 then return dash .. upper(match(subtag, "^.")) .. match(subtag, "^.(.*)") end
  return dash .. subtag
end

local function spelt_range(tag) return (gsub(lower(tag), "(%-)(%w+)", spelt_subtag)) end

-- RFC 9110 § 12.5.4: weights count, their order does not.
local function is_before(one, other)
  if one.weight ~= other.weight then return one.weight > other.weight end
  return one.text < other.text
end

local function spelt(text)
  local ranges = {}
  for item in gmatch(text, "[^,]+") do
    local tag, weight = match(item, "^%s*([%w*-]+)%s*;%s*[qQ]=([%d.]+)%s*$")
    tag = tag or match(item, "^%s*([%w*-]+)%s*$")
    if not tag or #ranges == RANGES_MAX then return text end
    local range = spelt_range(tag)
    ranges[#ranges + 1] = { weight = tonumber(weight or 1) or 0, text = weight and range .. ";q=" .. weight or range }
  end
  sort(ranges, is_before)
  for index, range in ipairs(ranges) do ranges[index] = range.text end
  return concat(ranges, ",")
end

--- What is not understood is left as it is.
function M.canonical(text)
  local canonical = known:get(text)
  if not canonical then
    canonical = spelt(text)
    known:set(text, canonical)
  end
  return canonical
end

return M
