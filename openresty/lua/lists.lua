-- Lists in a document whose items hold no blank: one text with blanks between them. Any phase; no dict.
local gmatch = string.gmatch
local type = type

local M = {}

--- Whether a value is such a text, or absent.
function M.is_text(value) return value == nil or (type(value) == "string" and value ~= "") end

--- The items in their order; absent is none.
function M.of(text)
  local list = {}
  for item in gmatch(text or "", "%S+") do list[#list + 1] = item end
  return list
end

function M.set_of(text)
  local set = {}
  for item in gmatch(text or "", "%S+") do set[item] = true end
  return set
end

return M
