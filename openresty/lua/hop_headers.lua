-- Header lines that are nobody's but the edge's, or one connection's. Phases: access and header_filter of the hops that
-- talk to origins; no dict.
local ngx = ngx
local gmatch, lower, sub = string.gmatch, string.lower, string.sub
local ipairs, pairs = ipairs, pairs

-- All of them, however many: nginx's own limits are of bytes.
local EVERY_LINE = 0

-- RFC 9110 § 7.6.1, and Alt-Svc: where else the origin listens is no business of a viewer of the edge.
local OF_THE_CONNECTION = { "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Connection", "TE",
  "Trailer", "Alt-Svc" }

local M = {}

local function is_ours(name) return sub(lower(name), 1, 7) == "x-edge-" end

--- Viewers do not speak the edge's own language to origins. The hop header itself is needed until the end of the request;
-- origin.conf does not send it on.
function M.strip_request()
  for name in pairs(ngx.req.get_headers(EVERY_LINE, true)) do
    if is_ours(name) and lower(name) ~= "x-edge-hop" then ngx.req.clear_header(name) end
  end
end

--- Nor do origins speak it to the edge. `connection` is the origin's Connection header.
function M.strip_response(connection)
  local header = ngx.header
  for name in pairs(ngx.resp.get_headers(EVERY_LINE, true)) do
    if is_ours(name) then header[name] = nil end
  end
  for _, name in ipairs(OF_THE_CONNECTION) do header[name] = nil end
  if ngx.status ~= 101 then header["Upgrade"] = nil end
  for option in gmatch(connection or "", "[^%s,]+") do
    local name = lower(option)
    if name ~= "close" and name ~= "keep-alive" and name ~= "upgrade" then header[name] = nil end
  end
end

return M
