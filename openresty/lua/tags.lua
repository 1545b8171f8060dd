-- The tags that an origin gives an answer, as the edge keeps them with it: `Surrogate-Key` (blanks between them) and
-- `Cache-Tag` (commas). Written by the inner hop, read by the outer. No dict.
local marks = require "marks"

local concat, sort = table.concat, table.sort
local find, gmatch, lower = string.find, string.gmatch, string.lower
local encode = ngx.encode_base64

local TAGS_MAX = 64
local LINE_CHARS_MAX = 16 * 1024
local VARY_NAMES_MAX, VARY_CHARS_MAX = 8, 128
--- More than the edge looks after: whatever tag is purged, it may be this answer's.
local ANY = "*"
local NONE = "-"

local M = { ANY = ANY, NONE = NONE }

local function add_all(hashes, seen, line, pattern)
  if not line then return true end
  if #line > LINE_CHARS_MAX then return false end
  for tag in gmatch(line, pattern) do
    local hash = marks.tag_hash(tag)
    if not seen[hash] then
      if #hashes == TAGS_MAX then return false end
      seen[hash] = true
      hashes[#hashes + 1] = hash
    end
  end
  return true
end

--- The hashes of an answer's tags in one text.
function M.of(surrogate_key, cache_tag)
  if not surrogate_key and not cache_tag then return NONE end
  local hashes, seen = {}, {}
  if not add_all(hashes, seen, surrogate_key, "%S+") or not add_all(hashes, seen, cache_tag, "[^%s,]+") then return ANY end
  return #hashes > 0 and encode(concat(hashes)) or NONE
end

--- The names in a Vary header in one spelling, commas between them; nil when they are too many to be looked after.
function M.vary(line)
  if not line then return "" end
  if #line > LINE_CHARS_MAX then return nil end
  local names, seen = {}, {}
  for name in gmatch(lower(line), "[^%s,]+") do
    if not seen[name] then
      if #names == VARY_NAMES_MAX or not find(name, "^[%w_-]+$") then return nil end
      seen[name] = true
      names[#names + 1] = name
    end
  end
  sort(names)
  local text = concat(names, ",")
  return #text <= VARY_CHARS_MAX and text or nil
end

--- What stands behind the times of a stored answer (X-Edge-Stored); empty where there is nothing to say.
function M.suffix(hashes, vary)
  if not vary then return " " .. ANY end
  if vary ~= "" then return " " .. hashes .. " " .. vary end
  return hashes ~= NONE and " " .. hashes or ""
end

return M
