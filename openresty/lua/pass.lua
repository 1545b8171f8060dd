-- What is never cached: one hop to the origin, bodies flow both ways. Phases: access and header_filter of `@pass` and its
-- kin, content of their error page.
local answers = require "answers"
local balancer = require "balancer"
local documents = require "documents"
local header_rules = require "header_rules"
local hop_headers = require "hop_headers"
local origin_request = require "origin_request"
local pages = require "pages"
local s3 = require "s3"

local ngx = ngx

local IS_CACHED = { GET = true, HEAD = true }

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

function M.header_filter()
  local var = ngx.var
  if not var.upstream_status then return end
  -- nginx below 1.29 takes a 103 for the answer, and waits for its end.
  if ngx.status < 200 and ngx.status ~= 101 then return ngx.exit(502) end
  local server = balancer.server()
  balancer.answered(ngx.status)
  hop_headers.strip_response(var.upstream_http_connection)
  if server and server.bucket then s3.strip_response() end
  var.edge_local_status = "BYPASS"
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
