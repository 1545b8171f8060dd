-- What the access log says of a request beside nginx's own variables: how long its viewer waited for an answer, and what
-- was fetched on its behalf by requests of their own, which have no lines. Phases: header_filter of the outer hop, content
-- of its pages; no dict. A plain hit comes here never: its variables keep their zeros.
local ngx = ngx
local now, start_time = ngx.now, ngx.req.start_time
local format, match = string.format, string.match
local max, tonumber = math.max, tonumber

-- The states in which the origin has sent an answer anew.
local IS_ANSWERED = { MISS = true, BYPASS = true, EXPIRED = true }

local M = {}

--- The answer's header is here.
function M.note_wait(var)
  var.edge_ttfb_ms = format("%d", max(0, (now() - start_time()) * 1000 + 0.5))
end

--- `status`: the cache's. What an edge of the parent group had already, no origin was asked for.
function M.note_parent(var, status)
  if IS_ANSWERED[status] and var.upstream_http_x_edge_had then var.edge_had = "1" end
end

-- Of a slice, which may be the last one, Content-Range tells; a length may be unknown until the end.
local function length_of(var)
  local first, last = match(var.upstream_http_content_range or "", "^bytes (%d+)%-(%d+)/")
  if first then return tonumber(last) - tonumber(first) + 1 end
  return tonumber(var.upstream_http_content_length)
end

--- A subrequest has its answer's header: a slice behind the first, or what renews a stale answer that was served meanwhile.
-- `null` in the log: of unknown length.
function M.note_fetched(var)
  if not IS_ANSWERED[var.upstream_cache_status] or var.upstream_http_x_edge_had then return end
  local fetched, length = tonumber(var.edge_fetched_bytes), length_of(var)
  var.edge_fetched_bytes = fetched and length and format("%d", fetched + length) or "null"
end

return M
