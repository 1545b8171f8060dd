-- Speaks to origins in nginx's stead where nginx cannot: below 1.29 it takes an interim answer (1xx, RFC 9110 § 15.2) for
-- the answer, and it refuses a Transfer-Encoding that it does not know. The inner hop then asks this server on a socket of
-- its own, which leaves such things out of the head and hands on the rest as it comes. For requests without a body.
-- Owns the dict `relayed`: which servers of origins need it; evictable. Phases: `is_needed` and `asked_for` in access and
-- balancer, `learn` in header_filter of the inner hop; `serve` in content of the relay's server.
local ngx = ngx
local dict = ngx.shared.relayed
local concat = table.concat
local find, format, gmatch, gsub, lower, match = string.find, string.format, string.gmatch, string.gsub, string.lower,
  string.match
local ipairs, tonumber = ipairs, tonumber

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

-- nginx takes a bare line feed for the end of a line.
local function lines_of(head)
  local lines = {}
  for line in gmatch(head .. "\r\n", "(.-)\r?\n") do lines[#lines + 1] = line end
  return lines
end

local function codings_of(lines)
  local codings = {}
  for _, line in ipairs(lines) do
    for coding in gmatch(match(lower(line), "^transfer%-encoding:(.*)$") or "", "[^%s,]+") do
      codings[#codings + 1] = coding
    end
  end
  return codings
end

local function without(lines, unwanted)
  local kept = {}
  for _, line in ipairs(lines) do
    if match(lower(line), "^([^:]*):") ~= unwanted then kept[#kept + 1] = line end
  end
  return kept
end

-- The lines of the head as nginx can read them, and whether codings were left out. nil: chunks within another coding are
-- nobody's here. RFC 9112 § 6.3: where chunked is not the last coding, the answer ends with the connection.
local function readable(lines)
  local codings = codings_of(lines)
  local is_chunked = false
  for _, coding in ipairs(codings) do is_chunked = is_chunked or coding == "chunked" end
  if is_chunked and #codings > 1 then return nil end
  local plain = without(lines, "transfer-encoding")
  if is_chunked or #plain == #lines then return lines, false end
  return without(plain, "content-length"), true
end

-- Whether the answer ends with the connection: it has a body, and nothing says how long that is.
local function ends_with_connection(lines, method)
  local status = match(lines[1], "^%S+ (%d%d%d)")
  if method == "HEAD" or status == "204" or status == "304" then return false end
  return #without(without(lines, "transfer-encoding"), "content-length") == #lines
end

-- In chunks, an end by reset or time is not taken for the end of the answer.
local function in_chunks(lines)
  lines[1] = gsub(lines[1], "^HTTP/1%.0", "HTTP/1.1", 1)
  lines[#lines + 1] = "Transfer-Encoding: chunked"
end

local function hand_on(from, to, is_in_chunks)
  while true do
    local piece, err = from:receiveany(PIECE_BYTES_MAX)
    if not piece then
      if is_in_chunks and err == "closed" then to:send("0\r\n\r\n") end
      return
    end
    if not to:send(is_in_chunks and { format("%x\r\n", #piece), piece, "\r\n" } or piece) then return end
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
  local lines, is_less = readable(lines_of(head))
  if not lines then return refuse("chunks within another coding") end
  if interim > 0 or is_less then M.learn(wish) end
  local is_in_chunks = ends_with_connection(lines, ngx.var.request_method)
  if is_in_chunks then in_chunks(lines) end
  local hop, problem = ngx.req.socket(true)
  if not hop then return refuse(problem) end
  hop:settimeouts(SEND_TIMEOUT_MS, SEND_TIMEOUT_MS, SEND_TIMEOUT_MS)
  if hop:send(concat(lines, "\r\n") .. "\r\n\r\n") then hand_on(origin, hop, is_in_chunks) end
  origin:close()
end

return M
