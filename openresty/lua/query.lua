-- Which parameters of a query tell answers apart. Phase: access; no dict.
local concat = table.concat
local find, sub = string.find, string.sub
local unescape = ngx.unescape_uri

-- Beyond so many, parameters stay in the order in which they came: sorting them must not be worth an attack.
local SORTED_MAX = 100

-- Written anew for each query; the phases that use this never yield.
local parts, names = {}, {}

local M = {}

local function name_of(part)
  local stop = find(part, "=", 1, true)
  local name = stop and sub(part, 1, stop - 1) or part
  if find(name, "[%%+]") then return unescape(name) end
  return name
end

-- Equal names stay in their order: what comes last may count.
local function insert(count, part, name)
  local place = count + 1
  while place > 1 and count < SORTED_MAX and name < names[place - 1] do
    parts[place], names[place] = parts[place - 1], names[place - 1]
    place = place - 1
  end
  parts[place], names[place] = part, name
  return count + 1
end

--- What a cache rule keeps of a query: `query` is empty or begins with `?`, and so does the answer. Where the rule picks,
-- the order is that of the names.
function M.kept(rule, query)
  if not rule or query == "" then return query end
  if rule.mode == "none" then return "" end
  local is_include, listed = rule.mode == "include", rule.names
  local count, at = 0, 2
  while at <= #query do
    local stop = find(query, "&", at, true) or #query + 1
    if stop > at then
      local part = sub(query, at, stop - 1)
      local name = name_of(part)
      if (listed[name] or false) == is_include then count = insert(count, part, name) end
    end
    at = stop + 1
  end
  return count == 0 and "" or "?" .. concat(parts, "&", 1, count)
end

return M
