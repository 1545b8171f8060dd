-- Which codings nginx may choose for an answer on its way to the viewer. Phase: header_filter of the hops that viewers see,
-- before nginx's own filters for gzip and brotli; no dict.
local set_request_header = ngx.req.set_header
local find = string.find
local type = type

local M = {}

--- What is wrong with a document's part; nil when nothing is.
function M.fault(part)
  if type(part) ~= "table" or type(part.gzip) ~= "boolean" or type(part.brotli) ~= "boolean" then
    return "compression: gzip and brotli are flags"
  end
end

--- The filters look at what the request accepts, and at nothing else that could be told them for one distribution.
function M.limit(var, part)
  local range = var.http_range
  -- Nothing to limit, mostly.
  if part.gzip and part.brotli and not range then return end
  local accepted = var.http_accept_encoding
  if not accepted then return end
  -- A part is of the bytes as they are.
  if range then return set_request_header("Accept-Encoding", nil) end
  if part.gzip and find(accepted, "gzip", 1, true) then return set_request_header("Accept-Encoding", "gzip") end
  if part.brotli and find(accepted, "br", 1, true) then return set_request_header("Accept-Encoding", "br") end
  set_request_header("Accept-Encoding", nil)
end

return M
