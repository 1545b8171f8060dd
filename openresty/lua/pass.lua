-- What is never cached: one hop to the origin, bodies flow both ways. Phases: access and header_filter of `@pass` and its
-- kin, content of their error page.
local answers = require "answers"
local balancer = require "balancer"
local cache_rules = require "cache_rules"
local documents = require "documents"
local header_rules = require "header_rules"
local hop_headers = require "hop_headers"
local invalidations = require "invalidations"
local origin_request = require "origin_request"
local origin_share = require "origin_share"
local pages = require "pages"
local query = require "query"
local s3 = require "s3"

local ngx = ngx
local match, sub = string.match, string.sub
local type = type

local IS_CACHED = { GET = true, HEAD = true }

-- RFC 9110 § 9.2.1: what changes nothing.
local IS_SAFE = { GET = true, HEAD = true, OPTIONS = true, TRACE = true, PROPFIND = true, REPORT = true, SEARCH = true }

local PLACES = { verified = "@pass", unverified = "@pass_unverified" }

local M = {}

local function refuse(status)
  if status == 405 then ngx.header["Allow"] = "GET, HEAD" end
  ngx.status = status
  return ngx.exec("@page")
end

--- `here`: the place that this location is, see balancer.lua.
function M.access(here)
  local var = ngx.var
  local found = documents.find(var.edge_distribution)
  if not found then return ngx.exit(503) end
  hop_headers.strip_request()
  local is_again = balancer.is_again(var)
  local place, refusal = origin_request.place(found.origin, var.edge_target, here)
  if not place then return refuse(refusal) end
  if place ~= here then return ngx.exec(PLACES[place]) end
  if not is_again then header_rules.write_request(found.headers, var.edge_path) end
end

local function invalidate(id, document, host, target)
  local path = match(target, "^[^?]*")
  local rule = cache_rules.find(document.cache, path)
  invalidations.note(id, host, path .. query.kept(rule and rule.query, sub(target, #path + 1)))
end

-- RFC 9111 § 4.4: what is stored of a URL that was changed, and of those that the answer names, is old.
local function invalidate_changed(var, host)
  local id = var.edge_distribution
  local document = documents.find(id)
  if not document then return end
  invalidate(id, document, host, var.edge_target)
  for index = 1, 2 do
    local named = ngx.header[index == 1 and "Location" or "Content-Location"]
    local target = type(named) == "string" and invalidations.resolve(named, host, var.edge_target)
    if target then invalidate(id, document, host, target) end
  end
end

local function has_changed(var)
  local status = ngx.status
  return status >= 200 and status < 400 and not IS_SAFE[var.request_method]
end

function M.header_filter()
  local var = ngx.var
  if not var.upstream_status then return end
  -- nginx below 1.29 takes a 103 for the answer, and waits for its end; and what has no status line for HTTP/0.9.
  if ngx.status < 200 and ngx.status ~= 101 or ngx.req.http_version() < 1 then return ngx.exit(502) end
  local server = balancer.server()
  balancer.answered(ngx.status)
  if has_changed(var) then invalidate_changed(var, var.host) end
  hop_headers.strip_response(var.upstream_http_connection)
  if server and server.bucket then s3.strip_response() end
  ngx.header["Surrogate-Key"] = nil
  ngx.header["Cache-Tag"] = nil
  var.edge_local_status = "BYPASS"
  origin_share.note_wait(var)
  ngx.header["Cache-Status"] = "edgewright; fwd=" .. (IS_CACHED[var.request_method] and "bypass" or "method")
  answers.finish(var, "BYPASS")
end

-- Asking again does no harm, and there is no body that was read already.
local function may_ask_again(var)
  local length = var.http_content_length
  return IS_CACHED[var.request_method] and (not length or length == "0") and not var.http_transfer_encoding
end

--- The page of an error; before that, whoever is left is asked.
function M.show_page()
  local var = ngx.var
  balancer.failed()
  if balancer.may_go_on() and may_ask_again(var) then
    ngx.status = 200
    return ngx.exec("@pass")
  end
  pages.show(var.request_id)
end

return M
