-- What is never cached: one hop to the origin, bodies flow both ways. Phases: access and header_filter of `@pass`.
local answers = require "answers"
local balancer = require "balancer"
local documents = require "documents"
local hop_headers = require "hop_headers"

local ngx = ngx

local IS_CACHED = { GET = true, HEAD = true }

local M = {}

function M.access()
  local var = ngx.var
  local found = documents.find(var.edge_distribution)
  if not found then return ngx.exit(503) end
  hop_headers.strip_request()
  if not balancer.choose(found.origin, var.host .. var.edge_target) then return ngx.exit(502) end
end

function M.header_filter()
  local var = ngx.var
  if not var.upstream_status then return end
  hop_headers.strip_response(var.upstream_http_connection)
  var.edge_local_status = "BYPASS"
  ngx.header["Cache-Status"] = "edgewright; fwd=" .. (IS_CACHED[var.request_method] and "bypass" or "method")
  answers.finish(var, "BYPASS")
end

return M
