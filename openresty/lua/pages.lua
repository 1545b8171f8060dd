-- The short pages of the edge's own errors: what happened in words and the request's id, nothing of the inside. Phase:
-- content of the locations for pages of both hops.
local connection = require "connection"
local documents = require "documents"
local origin_share = require "origin_share"

local ngx = ngx
local format = string.format

local REASONS = {
  [400] = "Bad Request", [403] = "Forbidden", [404] = "Not Found", [405] = "Method Not Allowed", [408] = "Request Timeout",
  [413] = "Content Too Large", [414] = "URI Too Long", [421] = "Misdirected Request", [429] = "Too Many Requests",
  [500] = "Internal Server Error",
  [501] = "Not Implemented", [505] = "HTTP Version Not Supported",
  [502] = "Bad Gateway", [503] = "Service Unavailable", [504] = "Gateway Timeout", [508] = "Loop Detected",
}

local PAGE = [[<!doctype html>
<meta charset="utf-8">
<title>%d %s</title>
<h1>%d %s</h1>
]]

local M = {}

M.TYPE = "text/html; charset=utf-8"

local OVER_QUOTA = "<p>This site has used up what it may deliver this month: it is over its quota.</p>\n"

--- The page; one that may be kept for others names no request.
function M.text(status, request_id, more)
  local reason = REASONS[status] or "Error"
  local page = format(PAGE, status, reason, status, reason) .. (more or "")
  return request_id and page .. "<p>Request " .. request_id .. "</p>\n" or page
end

function M.show(request_id)
  origin_share.note_wait(ngx.var)
  ngx.header["Content-Type"] = M.TYPE
  ngx.header["Cache-Control"] = "no-store"
  ngx.header["Server"] = "edgewright"
  ngx.header["X-Request-Id"] = request_id
  local document = documents.find(ngx.var.edge_distribution or "")
  if ngx.var.scheme == "https" then connection.tell(ngx.var, document) end
  local is_over_quota = ngx.status == 503 and document and document.over_quota
  ngx.print(M.text(ngx.status, request_id or "-", is_over_quota and OVER_QUOTA or nil))
end

return M
