-- What viewers are told beside the origin's own words, whichever way an answer came. Phase: header_filter of the hops
-- that viewers see; reads documents through `documents`.
local browser = require "browser"
local compression = require "compression"
local documents = require "documents"
local header_rules = require "header_rules"

local ngx = ngx
local header = ngx.header

local M = {}

--- Adds to a list in a header line.
function M.append(name, value)
  local had = header[name]
  header[name] = had and had ~= "" and had .. ", " .. value or value
end

--- Finishes an answer. `status`: the cache's, for X-Cache.
function M.finish(var, status)
  header["X-Request-Id"] = var.request_id
  header["X-Cache"] = status
  M.append("Via", "1.1 edgewright")
  local alt_svc = var.edge_alt_svc
  if alt_svc ~= "" and var.scheme == "https" then header["Alt-Svc"] = alt_svc end
  local document = documents.find(var.edge_distribution)
  if not document then return end
  compression.limit(var, document.compression)
  browser.tell(var, document)
  header_rules.write_response(document.headers, var.edge_path)
end

return M
