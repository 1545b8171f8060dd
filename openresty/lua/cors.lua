-- What the edge tells browsers of other sites (the Fetch standard's CORS protocol): questions before a request are answered
-- here, and cached answers are right for every origin. Its part of a document is written by
-- edge-templates/features/cors/schema.ts. Phases: access and header_filter of the hops that viewers see; no dict.
local lists = require "lists"
local responses = require "ngx.resp"

local ngx = ngx
local header = ngx.header
local add_header = responses.add_header
local concat = table.concat
local find = string.find
local ipairs, type = ipairs, type

local TEXTS = { "methods", "headers", "expose" }
local ASKED = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

local M = {}

--- What is wrong with it; nil when nothing is.
function M.fault(cors)
  if type(cors) ~= "table" or type(cors.origins) ~= "string" or cors.origins == "" then return "cors: no origins" end
  for _, name in ipairs(TEXTS) do
    local value = cors[name]
    if not lists.is_text(value) or (value and find(value, "%c")) then return "cors." .. name end
  end
  if type(cors.max_age) ~= "number" then return "cors.max_age" end
  if cors.credentials ~= nil and (cors.credentials ~= true or cors.origins == "*") then return "cors.credentials" end
end

local function line_of(text) return text and concat(lists.of(text), ", ") end

--- Makes it ready for look-ups, in place.
function M.prepare(cors)
  cors.is_for_all = cors.origins == "*"
  cors.origins = lists.set_of(cors.origins)
  cors.methods, cors.headers, cors.expose = line_of(cors.methods), line_of(cors.headers), line_of(cors.expose)
end

-- What one browser may be told; nil: nothing.
local function allowed(var, cors)
  if cors.is_for_all then return "*" end
  local origin = var.http_origin
  return origin and cors.origins[origin] and origin
end

local function allow(cors, origin)
  header["Access-Control-Allow-Origin"] = origin
  if cors.credentials then header["Access-Control-Allow-Credentials"] = "true" end
end

function M.is_preflight(var)
  return var.request_method == "OPTIONS" and var.http_origin ~= nil and var.http_access_control_request_method ~= nil
end

--- Answers the question before a request. Who is not allowed is told nothing, and the browser refuses by itself.
function M.answer_preflight(var, cors)
  header["Vary"] = ASKED
  local origin = allowed(var, cors)
  if origin then
    allow(cors, origin)
    header["Access-Control-Allow-Methods"] = cors.methods
    header["Access-Control-Allow-Headers"] = cors.headers
    header["Access-Control-Max-Age"] = cors.max_age
  end
  return ngx.exit(204)
end

--- Writes what the browser of this request may be told over what the origin said to somebody else's.
function M.write(var, cors)
  header["Access-Control-Allow-Origin"] = nil
  header["Access-Control-Allow-Credentials"] = nil
  header["Access-Control-Expose-Headers"] = nil
  if not cors.is_for_all then add_header("Vary", "Origin") end
  local origin = allowed(var, cors)
  if not origin then return end
  allow(cors, origin)
  header["Access-Control-Expose-Headers"] = cors.expose
end

return M
