-- The cache rules of a document: checked and prepared once, when it is decoded, and the one that a path falls under. Its
-- writer is edge-templates/features/cache/schema.ts. Any phase; no dict.
local patterns = require "patterns"

local ipairs, type = ipairs, type
local floor = math.floor
local gmatch, lower, match = string.gmatch, string.lower, string.match

local M = {}

local function is_text(value) return value == nil or (type(value) == "string" and value ~= "") end
local function is_seconds(value) return value == nil or (type(value) == "number" and value >= 0 and floor(value) == value) end

local TEXTS = { "paths", "extensions", "content_types" }
local TIMES = { "ttl", "ttl_max", "stale_while_revalidate", "stale_if_error" }

local function rule_fault(rule)
  if type(rule) ~= "table" then return "is no object" end
  for _, name in ipairs(TEXTS) do
    if not is_text(rule[name]) then return name end
  end
  for _, name in ipairs(TIMES) do
    if not is_seconds(rule[name]) then return name end
  end
end

--- What is wrong with them; nil when nothing is.
function M.fault(cache)
  if type(cache) ~= "table" or type(cache.rules) ~= "table" then return "cache: no rules" end
  for index, rule in ipairs(cache.rules) do
    local fault = rule_fault(rule)
    if fault then return "cache.rules." .. index - 1 .. ": " .. fault end
  end
end

-- Lists are text with blanks: those that are looked up in become sets, the others tables.
local function set_of(text)
  local set = {}
  for item in gmatch(text, "%S+") do set[item] = true end
  return set
end

local function list_of(text)
  local list = {}
  for item in gmatch(text, "%S+") do list[#list + 1] = item end
  return list
end

--- Makes them ready for look-ups, in place.
function M.prepare(cache)
  for _, rule in ipairs(cache.rules) do
    rule.paths = patterns.compile_list(rule.paths)
    if rule.extensions then rule.extensions = set_of(rule.extensions) end
    if rule.content_types then rule.content_types = list_of(rule.content_types) end
  end
  return cache
end

--- The first rule that matches the canonical path; nil when none does.
function M.find(cache, path)
  local rules = cache.rules
  local extension = match(path, "%.(%w+)$")
  extension = extension and lower(extension)
  for index = 1, #rules do
    local rule = rules[index]
    if (not rule.extensions or (extension and rule.extensions[extension])) and patterns.any_matches(rule.paths, path) then
      return rule
    end
  end
end

return M
