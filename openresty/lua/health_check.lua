-- Asks one server once whether it is well. It dials pinned addresses alone, reads no more than the status, and follows
-- nothing. Phase: timer. Reads the dicts of `addresses` and `secrets` through their modules.
local addresses = require "addresses"
local s3 = require "s3"
local secrets = require "secrets"

local ngx = ngx
local concat = table.concat
local find, match, sub = string.find, string.match, string.sub
local ipairs, max, tonumber = ipairs, math.max, tonumber

local ADDRESSES_MAX = 4
-- Whoever says more before the status says nothing.
local HEAD_BYTES_MAX = 16 * 1024

local M = {}

-- The headers and the target of a request to a bucket are signed; of an object, the head is enough.
local function request_lines(server)
  local method, target, signed = "GET", server.check.path, ""
  if server.bucket then
    method, target = "HEAD", s3.target(server.prefix, target)
    local var = { request_method = method }
    s3.sign(var, server, target)
    signed = "Authorization: " .. var.edge_origin_signature .. "\r\nX-Amz-Date: " .. var.edge_origin_amz_date
      .. "\r\nX-Amz-Content-Sha256: " .. s3.EMPTY_HASH .. "\r\n"
  end
  return concat { method, " ", target, " HTTP/1.1\r\nHost: ", server.host_header,
    "\r\nUser-Agent: edgewright-health-check\r\nAccept: */*\r\n", signed, "Connection: close\r\n\r\n" }
end

-- The status of the answer itself: 1xx may come before it. nil: not all of it is there yet. false: it is no HTTP.
local function status_in(text)
  while true do
    local status = match(text, "^HTTP/1%.[01] (%d%d%d)[ \r\n]")
    if not status then return #text < 13 and find("HTTP/1.", sub(text, 1, 7), 1, true) == 1 and nil end
    if sub(status, 1, 1) ~= "1" then return tonumber(status) end
    local stop = select(2, find(text, "\r\n\r\n", 1, true))
    if not stop then return nil end
    text = sub(text, stop + 1)
  end
end
M.status_in = status_in

local function left_ms(deadline)
  ngx.update_time()
  return max(1, (deadline - ngx.now()) * 1000)
end

local function read_status(sock, deadline)
  local text = ""
  repeat
    local left = left_ms(deadline)
    if left <= 1 then return nil, "timeout" end
    sock:settimeouts(nil, nil, left)
    local more, err = sock:receiveany(4096)
    if not more then return nil, err end
    text = text .. more
    local status = status_in(text)
    if status then return status end
    if status == false then return nil, "no HTTP" end
  until #text > HEAD_BYTES_MAX
  return nil, "too much before a status"
end

local function ask(sock, server, address, deadline)
  local left = left_ms(deadline)
  sock:settimeouts(left, left, left)
  local ok, err = sock:connect(address, server.port)
  if not ok then return nil, err end
  if server.scheme == "https" then
    left = left_ms(deadline)
    sock:settimeouts(left, left, left)
    ok, err = sock:sslhandshake(false, server.sni, server.verify)
    if not ok then return nil, err end
  end
  ok, err = sock:send(request_lines(server))
  if not ok then return nil, err end
  return read_status(sock, deadline)
end

local function is_healthy(status, ranges)
  for _, range in ipairs(ranges) do
    if status >= range.from and status <= range.to then return true end
  end
  return false
end

-- nil: it cannot be asked, which is no word about its health.
local function addresses_of(server)
  if server.bucket and not secrets.find(server.bucket.secret) then return nil end
  return addresses.of_origin(server.host, server.port)
end

--- Whether the server is well at one of its addresses, and if not why. nil when it cannot be asked.
function M.run(server)
  local list = addresses_of(server)
  if not list then return nil end
  local deadline = ngx.now() + server.check.timeout
  local reason
  for index = 1, math.min(#list, ADDRESSES_MAX) do
    local sock = ngx.socket.tcp()
    local status, err = ask(sock, server, list[index], deadline)
    sock:close()
    if status and is_healthy(status, server.check.statuses) then return true end
    reason = status and "status " .. status or err
    if left_ms(deadline) <= 1 then break end
  end
  return false, reason
end

return M
