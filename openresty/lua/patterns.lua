-- Texts with `*`, which stands for any run of characters: compiled once, matched without a regular expression. Any phase;
-- no dict.
local lists = require "lists"

local find, gmatch, sub = string.find, string.gmatch, string.sub
local ipairs = ipairs

local M = {}

--- Compiles one pattern: what it begins with, what it ends with, and what stands in between, in that order. Without a
-- `*` it is that one text.
function M.compile(pattern)
  local star = find(pattern, "*", 1, true)
  if not star then return { exact = pattern } end
  local last = star
  while find(pattern, "*", last + 1, true) do last = find(pattern, "*", last + 1, true) end
  local compiled = { first = sub(pattern, 1, star - 1), last = sub(pattern, last + 1) }
  for piece in gmatch(sub(pattern, star, last), "[^*]+") do compiled[#compiled + 1] = piece end
  compiled.length_min = #compiled.first + #compiled.last
  return compiled
end

--- Compiles a text of patterns with blanks between them; nil stays nil, which everything matches.
function M.compile_list(text)
  if not text then return nil end
  local list = {}
  for index, pattern in ipairs(lists.of(text)) do list[index] = M.compile(pattern) end
  return list
end

function M.matches(compiled, text)
  if compiled.exact then return text == compiled.exact end
  if #text < compiled.length_min then return false end
  if sub(text, 1, #compiled.first) ~= compiled.first then return false end
  local stop = #text - #compiled.last
  if sub(text, stop + 1) ~= compiled.last then return false end
  -- The earliest place for each piece leaves most for the next.
  local at = #compiled.first + 1
  for index = 1, #compiled do
    local _, to = find(text, compiled[index], at, true)
    if not to or to > stop then return false end
    at = to + 1
  end
  return true
end

function M.any_matches(list, text)
  if not list then return true end
  for index = 1, #list do
    if M.matches(list[index], text) then return true end
  end
  return false
end

return M
