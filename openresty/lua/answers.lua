-- What viewers are told beside the origin's own words, whichever way an answer came. Phase: header_filter of the hops
-- that viewers see; reads documents through `documents`.
local browser = require "browser"
local compression = require "compression"
local connection = require "connection"
local cors = require "cors"
local documents = require "documents"
local header_rules = require "header_rules"
local node = require "node"
local responses = require "ngx.resp"

local ngx = ngx
local header = ngx.header
local add_header = responses.add_header

local M = {}

--- Finishes an answer. `status`: the cache's, for X-Cache.
function M.finish(var, status)
  header["X-Request-Id"] = var.request_id
  header["X-Cache"] = status
  add_header("Via", "1.1 edgewright")
  local alt_svc = var.edge_alt_svc
  if alt_svc ~= "" and var.scheme == "https" then header["Alt-Svc"] = node.alternatives(alt_svc) end
  local document = documents.find(var.edge_distribution)
  if not document then return end
  compression.limit(var, document.compression)
  browser.tell(var, document)
  connection.tell(var, document)
  if document.cors then cors.write(var, document.cors) end
  header_rules.write_response(document.headers, var.edge_path)
end

return M
