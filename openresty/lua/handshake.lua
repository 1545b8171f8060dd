-- What a handshake is made of. HTTP/2 is switched off per distribution without a reload: the client's offer of `h2` is made
-- unreadable before nginx chooses. Certificates come by the name that is asked for. Phases: ssl_client_hello and
-- ssl_certificate, on TCP and QUIC; neither yields. Reads certificates and what distributions say through their modules.
local certificate = require "certificate"
local clienthello = require "ngx.ssl.clienthello"
local ffi = require "ffi"
local get_request = require("resty.core.base").get_request
local session_tickets = require "session_tickets"
local shown_certificates = require "shown_certificates"
local ssl = require "ngx.ssl"
local traits = require "traits"

local C, cast, new = ffi.C, ffi.cast, ffi.new
local lower, min = string.lower, math.min
local tonumber = tonumber

-- RFC 7301, RFC 8446 § 4.2.11
local ALPN, PRE_SHARED_KEY = 16, 41
local H, TWO, UNREADABLE = 0x68, 0x32, 0x00
-- Whose sessions those are that name no distribution.
local NOBODY = "nobody"

local place, length, fault = new("const unsigned char *[1]"), new("size_t[1]"), new("char *[1]")

local M = {}

-- The extension's own bytes, to be written to.
local function extension(kind)
  local rc = C.ngx_http_lua_ffi_ssl_get_client_hello_ext(get_request(), kind, place, length, fault)
  if rc ~= 0 then return nil end
  return cast("unsigned char *", place[0]), tonumber(length[0])
end

-- Two bytes of length, then names with a byte of length each.
local function hide_h2()
  local bytes, count = extension(ALPN)
  if not bytes then return false end
  local at = 2
  while at + 2 < count do
    if bytes[at] == 2 and bytes[at + 1] == H and bytes[at + 2] == TWO then
      bytes[at + 1] = UNREADABLE
      return true
    end
    at = at + 1 + bytes[at]
  end
  return false
end

--- Two bytes of the list's length, then identities: two bytes of length, the ticket, four of its age. Nothing beyond `count`
-- bytes is read or written, whatever the viewer says.
function M.blank_tickets(bytes, count)
  if count < 2 then return end
  local at, stop = 2, bytes[0] * 256 + bytes[1] + 2
  if stop > count then return end
  while at + 2 < stop do
    local size = bytes[at] * 256 + bytes[at + 1]
    if at + 2 + size > stop then return end
    -- OpenSSL knows a ticket by the first bytes, its key's name.
    for index = at + 2, at + 2 + min(size, 16) - 1 do bytes[index] = UNREADABLE end
    at = at + 2 + size + 4
  end
end

-- A TLS 1.3 ticket is bound to the bytes of its hello, and those have changed: without a readable ticket OpenSSL makes a
-- whole handshake, with one it would end the connection.
local function hide_tickets()
  local bytes, count = extension(PRE_SHARED_KEY)
  if bytes then M.blank_tickets(bytes, count) end
end

function M.client_hello()
  local name = clienthello.get_client_hello_server_name()
  local found = name and traits.of(lower(name))
  session_tickets.prepare(found and found.whose or NOBODY)
  if found and not found.http2 and hide_h2() then hide_tickets() end
end

--- Shows the certificate of the name that is asked for; without one, the platform's to who asks for a distribution. To everybody
-- else the fallback certificate of nginx's files stands.
function M.certificate()
  local name = ssl.server_name()
  name = name and lower(name)
  local found = name and (shown_certificates.find(name) or shown_certificates.stand_in(name))
  if found then certificate.show(found) end
end

return M
