-- The one spelling of Accept-Language, so that an answer that varies by it is kept once for all who want the same. What
-- browsers send is spelt so already. Phases: access, header_filter; no dict.
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

-- The ranges of a list, those that are liked best first; nil when it is not understood.
local function ranges_of(text)
  local ranges = {}
  for item in gmatch(text, "[^,]+") do
    local tag, weight = match(item, "^%s*([%w*-]+)%s*;%s*[qQ]=([%d.]+)%s*$")
    tag = tag or match(item, "^%s*([%w*-]+)%s*$")
    if not tag or #ranges == RANGES_MAX then return nil end
    local range = spelt_range(tag)
    local text_of_range = weight and range .. ";q=" .. weight or range
    ranges[#ranges + 1] = { tag = range, weight = tonumber(weight or 1) or 0, text = text_of_range }
  end
  sort(ranges, is_before)
  return ranges
end

local function spelt(text)
  local ranges = ranges_of(text)
  if not ranges then return text end
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

function M.is_understood(text) return ranges_of(text) ~= nil end

--- The one language that is liked best; nil when there is none, or several are liked as much.
function M.favourite(text)
  local ranges = ranges_of(text)
  local first, other = ranges and ranges[1], ranges and ranges[2]
  if not first or first.tag == "*" or first.weight <= 0 or (other and other.weight == first.weight) then return nil end
  return first.tag
end

return M
