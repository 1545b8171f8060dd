-- Speaks to origins in nginx's stead where nginx cannot: below 1.29 it takes an interim answer (1xx, RFC 9110 § 15.2) for
-- the answer, and it refuses a Transfer-Encoding that it does not know. The inner hop then asks this server on a socket of
-- its own, which leaves such things out of the head and hands on the rest as it comes. For requests without a body.
-- Owns the dict `relayed`: which servers of origins need it; evictable. Phases: `is_needed` and `asked_for` in access and
-- balancer, `learn` in header_filter of the inner hop; `serve` in content of the relay's server.
local ngx = ngx
local dict = ngx.shared.relayed
local concat = table.concat
local find, gmatch, gsub, lower, match = string.find, string.gmatch, string.gsub, string.lower, string.match
local tonumber = tonumber

local KNOWN_SECONDS = 3600
local HEAD_BYTES_MAX = 64 * 1024
local INTERIM_MAX = 20
local PIECE_BYTES_MAX = 64 * 1024
local SEND_TIMEOUT_MS = 60000

local M = { SOCKET = "unix:run/relay.sock" }

--- Only requests between the hops are relayed: they have no body. An edge of the parent group needs none.
function M.is_needed(var, server)
  if server.tls == "parent" or var.remote_addr ~= "unix:" then return false end
  return var.edge_relay ~= "" or dict:get(server.id) ~= nil
end

function M.learn(server) dict:set(server.id, true, KNOWN_SECONDS) end

--- The header by which the inner hop says whom to ask.
function M.asked_for(server, address)
  return concat({ server.id, address, server.port, server.tls, server.sni, server.connect_timeout, server.read_timeout }, " ")
end

local function read_wish(text)
  local id, address, port, tls, sni, connect, read =
    match(text or "", "^(%S+) (%S+) (%d+) (%l+) (%S+) (%d+) (%d+)$")
  if not id then return nil end
  return { id = id, address = address, port = tonumber(port), tls = tls, sni = sni, connect = tonumber(connect) * 1000,
    read = tonumber(read) * 1000 }
end

-- What nginx has written for the origin, without what is said to this server.
local function request_head()
  local head = gsub(ngx.req.raw_header(), "\r\n[Xx]%-[Ee]dge%-[Rr]elay:[^\r\n]*", "", 1)
  return (gsub(head, "\r\n\r\n$", "\r\nConnection: close\r\n\r\n"))
end

local function dial(wish)
  local sock = ngx.socket.tcp()
  sock:settimeouts(wish.connect, wish.read, wish.read)
  local ok, err = sock:connect(wish.address, wish.port)
  if ok and wish.tls ~= "none" then ok, err = sock:sslhandshake(false, wish.sni, wish.tls == "verified") end
  if ok then ok, err = sock:send(request_head()) end
  if not ok then return nil, err end
  return sock
end

-- The head of the answer itself, and how many interim ones came before it.
local function read_head(sock)
  local read = sock:receiveuntil("\r\n\r\n")
  for interim = 0, INTERIM_MAX do
    local head, err = read(HEAD_BYTES_MAX)
    if not head then return nil, err end
    if #head >= HEAD_BYTES_MAX then return nil, "too much of a head" end
    if not find(head, "^HTTP/1%.[01] 1") then return head, interim end
    -- The end of one pattern: the reader says so once before it begins anew.
    read = sock:receiveuntil("\r\n\r\n")
  end
  return nil, "too many interim answers"
end

-- RFC 9112 § 6.3: where chunked is not the last coding, the answer ends with the connection.
local function without_unknown_codings(head)
  local kept, left_out = {}, 0
  for line in gmatch(head .. "\r\n", "(.-)\r\n") do
    local coding = match(lower(line), "^transfer%-encoding:%s*(.-)%s*$")
    if coding and coding ~= "chunked" then left_out = left_out + 1 else kept[#kept + 1] = line end
  end
  return concat(kept, "\r\n") .. "\r\n\r\n", left_out
end

local function hand_on(from, to)
  while true do
    local piece = from:receiveany(PIECE_BYTES_MAX)
    if not piece or not to:send(piece) then return end
  end
end

local function refuse(err)
  ngx.log(ngx.WARN, "an origin cannot be relayed: ", err)
  return ngx.exit(444)
end

function M.serve()
  local wish = read_wish(ngx.var.http_x_edge_relay)
  if not wish then return refuse("nobody is named") end
  local origin, err = dial(wish)
  if not origin then return refuse(err) end
  local head, interim = read_head(origin)
  if not head then return refuse(interim) end
  local plain, left_out = without_unknown_codings(head)
  if interim + left_out > 0 then M.learn(wish) end
  local hop, problem = ngx.req.socket(true)
  if not hop then return refuse(problem) end
  hop:settimeouts(SEND_TIMEOUT_MS, SEND_TIMEOUT_MS, SEND_TIMEOUT_MS)
  if hop:send(plain) then hand_on(origin, hop) end
  origin:close()
end

return M
