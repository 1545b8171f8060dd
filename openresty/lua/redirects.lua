-- The redirects of a document: of those whose source matches a path, the first one leads. Their writer is
-- edge-templates/features/redirects/schema.ts. Phase: access; no dict.
local find, gsub, sub = string.find, string.gsub, string.sub
local ipairs, type = ipairs, type

local SPLAT = ":splat"
local STATUSES = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }
-- What a path may hold and a value in a query may not.
local IN_VALUES = { ["&"] = "%26", ["+"] = "%2B", [";"] = "%3B", ["="] = "%3D" }

local M = {}

local function fault_of(redirect)
  if type(redirect) ~= "table" then return "is no object" end
  if type(redirect.source) ~= "string" or sub(redirect.source, 1, 1) ~= "/" then return "source" end
  if type(redirect.target) ~= "string" or find(redirect.target, "[%c%s\\]") then return "target" end
  if not find(redirect.target, "^/") and not find(redirect.target, "^https?://[^/?#]+/") then return "target" end
  if not STATUSES[redirect.status] then return "status" end
end

--- What is wrong with them; nil when nothing is.
function M.fault(redirects)
  if type(redirects) ~= "table" then return "redirects: no list" end
  for index, redirect in ipairs(redirects) do
    local fault = fault_of(redirect)
    if fault then return "redirects." .. index - 1 .. ": " .. fault end
  end
end

-- The texts around each `:splat`.
local function pieces_of(text)
  local pieces, at = {}, 1
  while true do
    local from, to = find(text, SPLAT, at, true)
    if not from then
      pieces[#pieces + 1] = sub(text, at)
      return pieces
    end
    pieces[#pieces + 1] = sub(text, at, from - 1)
    at = to + 1
  end
end

--- Makes them ready for look-ups, in place.
function M.prepare(redirects)
  for _, redirect in ipairs(redirects) do
    local target = redirect.target
    local hash = find(target, "#", 1, true) or #target + 1
    local question = find(target, "?", 1, true) or hash
    if question > hash then question = hash end
    redirect.path = pieces_of(sub(target, 1, question - 1))
    redirect.query = pieces_of(sub(target, question, hash - 1))
    redirect.fragment = sub(target, hash)
    redirect.is_local = sub(target, 1, 1) == "/"
    if sub(redirect.source, -1) == "*" then redirect.start = sub(redirect.source, 1, -2) end
  end
end

--- The first whose source matches, and what its `*` stood for.
function M.find(redirects, path)
  for index = 1, #redirects do
    local redirect = redirects[index]
    local start = redirect.start
    if not start then
      if path == redirect.source then return redirect, "" end
    elseif sub(path, 1, #start) == start then
      return redirect, sub(path, #start + 1)
    end
  end
end

local function filled(pieces, splat)
  local text = pieces[1]
  for index = 2, #pieces do text = text .. splat .. pieces[index] end
  return text
end

--- Where it leads. `query`: the viewer's, empty or with its `?`.
function M.location(redirect, splat, query)
  local path = filled(redirect.path, splat)
  -- What begins with two slashes names another host: a viewer's path must not.
  if redirect.is_local then path = gsub(path, "^/[/\\]+", "/") end
  local own = filled(redirect.query, #redirect.query > 1 and gsub(splat, "[&+;=]", IN_VALUES) or splat)
  if redirect.keep_query and #query > 1 then own = #own > 1 and own .. "&" .. sub(query, 2) or query end
  return path .. own .. redirect.fragment
end

return M
