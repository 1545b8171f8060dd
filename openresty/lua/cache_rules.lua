-- The cache rules of a document: checked and prepared once, when it is decoded, and the one that a path falls under. Its
-- writer is edge-templates/features/cache/schema.ts. Any phase; no dict.
local lists = require "lists"
local patterns = require "patterns"

local unescape = ngx.unescape_uri
local gsub, lower, match = string.gsub, string.lower, string.match
local floor = math.floor
local ipairs, pairs, tonumber, type = ipairs, pairs, tonumber, type

local M = {}

local MODES = { override = true, bypass = true }
local QUERY_MODES = { none = true, include = true, exclude = true }
local TEXTS = { "paths", "extensions", "content_types", "cookies", "headers" }
local TIMES = { "ttl", "ttl_max", "browser_ttl", "stale_while_revalidate", "stale_if_error" }

local function is_seconds(value)
  return value == nil or (type(value) == "number" and value >= 0 and floor(value) == value)
end

local function status_fault(times)
  if times == nil then return nil end
  if type(times) ~= "table" then return "ttl_by_status" end
  for status, seconds in pairs(times) do
    if not match(status, "^[2-5]%d%d$") and not match(status, "^[2-5]xx$") then return "ttl_by_status" end
    if not is_seconds(seconds) then return "ttl_by_status" end
  end
end

local function rule_fault(rule)
  if type(rule) ~= "table" then return "is no object" end
  for _, name in ipairs(TEXTS) do
    if not lists.is_text(rule[name]) then return name end
  end
  for _, name in ipairs(TIMES) do
    if not is_seconds(rule[name]) then return name end
  end
  if rule.mode ~= nil and not MODES[rule.mode] then return "mode" end
  if rule.sliced ~= nil and rule.sliced ~= true then return "sliced" end
  local query = rule.query
  if query ~= nil and (type(query) ~= "table" or not QUERY_MODES[query.mode] or not lists.is_text(query.names)) then
    return "query"
  end
  return status_fault(rule.ttl_by_status)
end

--- What is wrong with them; nil when nothing is.
function M.fault(cache)
  if type(cache) ~= "table" or type(cache.rules) ~= "table" then return "cache: no rules" end
  for index, rule in ipairs(cache.rules) do
    local fault = rule_fault(rule)
    if fault then return "cache.rules." .. index - 1 .. ": " .. fault end
  end
end

-- Statuses as numbers, classes as their first digit.
local function times_of(by_status)
  if not by_status then return nil end
  local times = {}
  for status, seconds in pairs(by_status) do
    times[tonumber(status) or tonumber(match(status, "^%d"))] = seconds
  end
  return times
end

-- The variables of nginx that hold what tells answers apart.
local function variables_of(rule)
  if not rule.cookies and not rule.headers then return nil end
  local variables = {}
  for _, name in ipairs(lists.of(rule.cookies)) do variables[#variables + 1] = "cookie_" .. name end
  for _, name in ipairs(lists.of(rule.headers)) do variables[#variables + 1] = "http_" .. gsub(name, "-", "_") end
  return variables
end

-- A name may be written as it is or as it stands in a URL.
local function decoded_names(text)
  local names = {}
  for _, name in ipairs(lists.of(text)) do names[unescape(name)] = true end
  return names
end

--- Makes them ready for look-ups, in place.
function M.prepare(cache)
  for _, rule in ipairs(cache.rules) do
    rule.paths = patterns.compile_list(rule.paths)
    rule.extensions = rule.extensions and lists.set_of(rule.extensions)
    rule.content_types = rule.content_types and lists.of(rule.content_types)
    rule.ttl_by_status = times_of(rule.ttl_by_status)
    rule.key_variables = variables_of(rule)
    if rule.browser_ttl then cache.tells_browsers = true end
    if rule.query then rule.query.names = decoded_names(rule.query.names) end
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

--- Whether what a rule says holds for an answer of this type.
function M.holds(rule, content_type)
  if not rule.content_types then return true end
  if not content_type then return false end
  content_type = lower(content_type)
  for index = 1, #rule.content_types do
    local start = rule.content_types[index]
    if content_type:sub(1, #start) == start then return true end
  end
  return false
end

return M
