-- IP networks: written as 192.0.2.0/24 or 2001:db8::/32, compiled once to ranges that an address is looked up in. An
-- address is its bytes, 4 or 16, as nginx has it. Any phase; no dict.
local ffi = require "ffi"
local lists = require "lists"

local C = ffi.C
local byte, char, find, match, rep, sub = string.byte, string.char, string.find, string.match, string.rep, string.sub
local floor, min = math.floor, math.min
local ipairs, sort, tonumber = ipairs, table.sort, tonumber

ffi.cdef [[ int inet_pton(int family, const char *text, void *address); ]]

local AF_INET, AF_INET6 = 2, 10
-- RFC 4291 § 2.5.5.2: an IPv4 viewer of a listener for both.
local MAPPED = rep("\0", 10) .. "\255\255"
local buffer = ffi.new("unsigned char[16]")

local M = {}

--- The bytes of an address; nil when it is none.
function M.parse(text)
  local is_v6 = find(text, ":", 1, true)
  if C.inet_pton(is_v6 and AF_INET6 or AF_INET, text, buffer) ~= 1 then return nil end
  return ffi.string(buffer, is_v6 and 16 or 4)
end

-- The first and the last address that share so many bits.
local function range_of(address, bits)
  local first, last = "", ""
  for index = 1, #address do
    local own = min(8, bits < (index - 1) * 8 and 0 or bits - (index - 1) * 8)
    local rest = 2 ^ (8 - own)
    local value = floor(byte(address, index) / rest) * rest
    first, last = first .. char(value), last .. char(value + rest - 1)
  end
  return first, last
end

-- nil when the text is no network.
local function parse_network(text)
  local address = M.parse(match(text, "^[^/]+") or "")
  if not address then return nil end
  local bits = match(text, "/(.*)$")
  bits = bits and (match(bits, "^%d+$") and tonumber(bits) or -1) or #address * 8
  if bits < 0 or bits > #address * 8 then return nil end
  local first, last = range_of(address, bits)
  return { first = first, last = last }
end

--- Whether each item of a text is a network.
function M.fault(text)
  for _, item in ipairs(lists.of(text)) do
    if not parse_network(item) then return item end
  end
end

-- Ranges in order, none touching another: `firsts[i]` to `lasts[i]`.
local function merged(ranges)
  sort(ranges, function(one, other) return one.first < other.first end)
  local firsts, lasts, count = {}, {}, 0
  for _, range in ipairs(ranges) do
    if count > 0 and range.first <= lasts[count] then
      if range.last > lasts[count] then lasts[count] = range.last end
    else
      count = count + 1
      firsts[count], lasts[count] = range.first, range.last
    end
  end
  return { firsts = firsts, lasts = lasts, count = count }
end

--- Compiles a text of networks with blanks between them.
function M.compile(text)
  local v4, v6 = {}, {}
  for _, item in ipairs(lists.of(text)) do
    local range = parse_network(item)
    local family = #range.first == 4 and v4 or v6
    family[#family + 1] = range
  end
  return { v4 = merged(v4), v6 = merged(v6) }
end

function M.contains(compiled, address)
  if #address == 16 and sub(address, 1, 12) == MAPPED then address = sub(address, 13) end
  local ranges = #address == 4 and compiled.v4 or compiled.v6
  local firsts, low, high = ranges.firsts, 1, ranges.count
  -- The last range that begins at or before the address.
  while low <= high do
    local middle = floor((low + high) / 2)
    if firsts[middle] <= address then low = middle + 1 else high = middle - 1 end
  end
  return high > 0 and address <= ranges.lasts[high]
end

return M
