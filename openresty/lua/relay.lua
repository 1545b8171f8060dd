-- Speaks to origins in nginx's stead where nginx cannot: below 1.29 it takes an interim answer (1xx, RFC 9110 § 15.2) for the
-- answer, and from 1.23 on it refuses a Transfer-Encoding that it does not know. So below 1.29 the inner hop asks this server,
-- on a socket of its own, which leaves such things out of the head and hands on the rest as it comes; newer ones ask it once
-- more for what they could not read. Whom to ask, and whom next, stays the balancer's (ADR 41). For requests without a body.
-- Phases: `is_needed` and `asked_for` in access and balancer, `was_late` in the page of a failed request of the inner hop;
-- `serve` in content of the relay's server.
local answer_body = require "answer_body"
local answer_head = require "answer_head"

local ngx = ngx
local exiting, now = ngx.worker.exiting, ngx.now
local concat = table.concat
local find, match, sub = string.find, string.match, string.sub
local max, min, tonumber = math.max, math.min, tonumber

local IS_ALWAYS_NEEDED = ngx.config.nginx_version < 1029000
local HEAD_BYTES_MAX = 64 * 1024
local INTERIM_MAX = 20
local KEPT_SECONDS, KEPT_PER_SERVER, REQUESTS_PER_CONNECTION = 60, 64, 1000
-- nginx ends an idle connection between it and the relay (after IDLE_SECONDS), not the relay: it would take that for a failure.
local HOP_IDLE_SECONDS = 90
local SEND_SECONDS = 60
local REQUEST_PIECE_BYTES = 32 * 1024
-- What a worker remembers to have read.
local WISHES_MAX = 1000
-- Connecting, a handshake, and the head; and a moment for the relay to say so itself.
local MOMENT_SECONDS = 1

-- What ends in a header line that is none: nginx goes on to the next server, as it would by itself, and keeps no connection.
local LATE = "HTTP/1.1 504 Gateway Timeout\r\nX-Edge-Late: 1\r\n\0\r\n\r\n"
local FAILED = "HTTP/1.1 502 Bad Gateway\r\n\0\r\n\r\n"

-- A worker that ends keeps them as long, and both ends of one may be its own: it would not end before.
local M = { SOCKET = "unix:run/relay.sock", REQUESTS_PER_CONNECTION = 100, IDLE_SECONDS = 1 }

--- Only requests between the hops are relayed: they have no body. An edge of the parent group needs none.
function M.is_needed(var, server)
  if server.tls == "parent" or var.remote_addr ~= "unix:" then return false end
  return IS_ALWAYS_NEEDED or var.edge_relay ~= ""
end

--- The header by which the inner hop says whom to ask.
function M.asked_for(server, address)
  if not server.relay_words then
    server.relay_words = concat({ "", server.port, server.tls, server.sni, server.connect_timeout, server.read_timeout,
      server.connection }, " ")
  end
  return address .. server.relay_words
end

--- How long nginx waits for it; it has the server's time-outs itself.
function M.patience(server) return 2 * server.connect_timeout + server.read_timeout + MOMENT_SECONDS end

--- Whether a server was too late for the relay: nginx itself has heard from the relay in time.
function M.was_late(var) return var.upstream_http_x_edge_late ~= nil end

local function wish_of(text)
  local address, port, tls, sni, connect, read, connection =
    match(text, "^(%S+) (%d+) (%l+) (%S+) (%d+) (%d+) (%S+)$")
  if not address then return nil end
  return { address = address, port = tonumber(port), tls = tls, sni = sni, connect = tonumber(connect), read = tonumber(read),
    pool = { pool = concat({ address, port, connection }, " "), pool_size = KEPT_PER_SERVER } }
end

-- By their text.
local wishes, wishes_count = {}, 0

local function remembered(text)
  local wish = wishes[text]
  if wish then return wish end
  if wishes_count == WISHES_MAX then wishes, wishes_count = {}, 0 end
  wish = wish_of(text)
  wishes[text], wishes_count = wish, wishes_count + 1
  return wish
end

local WISH_LINE = "\r\nX-Edge-Relay: "

-- Whom the request is for, and the request without the line that says so.
local function read_wish(request)
  local from, to = find(request, WISH_LINE, 1, true)
  if not from then return nil end
  local stop = find(request, "\r\n", to, true)
  return remembered(sub(request, to + 1, stop - 1)), sub(request, 1, from - 1) .. sub(request, stop)
end

-- A connection, and how often it was used before.
local function dial(wish)
  local sock = ngx.socket.tcp()
  sock:settimeouts(wish.connect * 1000, wish.read * 1000, wish.read * 1000)
  local ok, err = sock:connect(wish.address, wish.port, wish.pool)
  if not ok then return nil, err end
  local uses = sock:getreusedtimes()
  if uses > 0 or wish.tls == "none" then return sock, uses end
  ok, err = sock:sslhandshake(false, wish.sni, wish.tls == "verified")
  if not ok then return nil, err end
  return sock, uses
end

-- nginx takes a bare line feed for the end of a line, too.
local function empty_line(text, from)
  local _, stop = find(text, "\n\r\n", from, true)
  local _, bare = find(text, "\n\n", from, true)
  return stop and bare and min(stop, bare) or stop or bare
end

-- Where the empty line behind the head ends; `text` is known not to have it before `from`.
local function head_end(sock, text, from, deadline)
  while true do
    local stop = empty_line(text, from)
    if stop then return text, stop end
    if #text > HEAD_BYTES_MAX then return nil, "too much of a head" end
    local piece, err = sock:receiveany(HEAD_BYTES_MAX)
    if not piece then return nil, err, text == "" end
    -- Of a head that comes byte by byte no single read is late.
    if now() > deadline then return nil, "timeout" end
    from = max(1, #text - 2)
    text = text .. piece
  end
end

-- The head of the answer itself and what was read behind it; or nil, why not, and whether nothing came at all.
local function read_head(sock, wish)
  local text, deadline = "", now() + wish.read
  for interim = 0, INTERIM_MAX do
    local read, stop, is_silent = head_end(sock, text, 1, deadline)
    if not read then return nil, stop, is_silent and interim == 0 end
    local head = sub(read, 1, stop)
    text = sub(read, stop + 1)
    if not answer_head.is_interim(head) then return head, text end
  end
  return nil, "too many interim answers"
end

-- An answer's head, what was read behind it, the connection and how often that was used before. An origin may close a kept
-- connection at the moment in which it is asked over it: then it is asked anew.
local function ask(wish, request)
  while true do
    local sock, uses = dial(wish)
    if not sock then return nil, uses end
    local ok, err = sock:send(request)
    local head, rest, is_silent
    if ok then head, rest, is_silent = read_head(sock, wish) else rest, is_silent = err, true end
    if head then return head, rest, sock, uses end
    sock:close()
    if uses == 0 or not is_silent or rest == "timeout" then return nil, rest end
  end
end

local function refuse(hop, err)
  ngx.log(ngx.WARN, "an origin cannot be relayed: ", err)
  hop:send(err == "timeout" and LATE or FAILED)
  return false
end

-- One request. Whether the hop may go on with another.
local function relay(hop, request)
  local wish, plain = read_wish(request)
  if not wish then return refuse(hop, "nobody is named") end
  local head, rest, sock, uses = ask(wish, plain)
  if not head then return refuse(hop, rest) end
  local answer, err = answer_head.read(head, match(request, "^%u+"))
  if not answer then
    sock:close()
    return refuse(hop, err)
  end
  local is_whole, may_go_on = answer_body.hand_on(sock, hop, answer, rest)
  if may_go_on and uses < REQUESTS_PER_CONNECTION then sock:setkeepalive(KEPT_SECONDS * 1000) else sock:close() end
  return is_whole
end

-- The head of the next request, behind which nothing comes; nil when nginx has ended the connection.
local function next_request(hop)
  local text = ""
  repeat
    local piece = hop:receiveany(REQUEST_PIECE_BYTES)
    if not piece then return nil end
    text = text .. piece
  until sub(text, -4) == "\r\n\r\n"
  return text
end

--- Answers the requests of one connection: nginx has read the head of the first alone.
function M.serve()
  local request = ngx.req.raw_header()
  local hop, err = ngx.req.socket(true)
  if not hop then return ngx.log(ngx.ERR, "the relay has no connection: ", err) end
  hop:settimeouts(SEND_SECONDS * 1000, SEND_SECONDS * 1000, HOP_IDLE_SECONDS * 1000)
  while relay(hop, request) and not exiting() do
    request = next_request(hop)
    if not request then return end
  end
end

return M
