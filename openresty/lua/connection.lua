-- Whether a TLS connection may be asked for a host. Browsers ask for several names over one connection when its certificate
-- covers them (RFC 9113 § 9.1.1); who asks for another one behind the name of the handshake is misdirected, or hides what
-- it asks for. And what browsers are told of HTTPS over it. Phases: access, header_filter and content of pages; `read` in
-- init. Reads certificates and hosts through their modules.
local route = require "route"
local shown_certificates = require "shown_certificates"
local ssl = require "ngx.ssl"
local traits = require "traits"
local x509 = require "x509"

local header = ngx.header
local find, lower, sub = string.find, string.lower, string.sub

-- The certificate that is shown to those who name nobody, or a name that has none.
local fallback

local M = {}

--- Learns the fallback certificate, PEM.
function M.read(pem) fallback = pem and ssl.parse_pem_cert(pem) end

local function is_covered(shown, host)
  if not shown then return fallback and x509.covers(fallback, host) or false end
  -- Anybody may make a certificate that names a stranger's host.
  local asked = traits.of(host)
  if not asked or not shown_certificates.is_for(shown, asked.account) then return false end
  if shown.is_of[host] then return true end
  local dot = find(host, ".", 1, true)
  return dot and shown.is_of["*" .. sub(host, dot)] or false
end

--- Whether the distribution `id` may be asked for by this request's host: the handshake named the host, or another of that
-- distribution's, or was given a certificate that is the host's too.
function M.may_ask(var, id)
  local named, host = var.ssl_server_name, var.host
  if named == host then return true end
  named = named and lower(named)
  if not named then return is_covered(nil, host) end
  return named == host or route.id_of(named) == id or is_covered(shown_certificates.find(named), host)
end

--- Tells browsers to come by HTTPS alone, when the customer wants it, in the place of the origin's word. Behind the fallback
-- certificate that would lock them out.
function M.tell(var, document)
  local hsts = document and document.hsts
  if not hsts or var.scheme ~= "https" then return end
  local named = var.ssl_server_name
  local shown = named and shown_certificates.find(lower(named))
  if shown and is_covered(shown, var.host) then header["Strict-Transport-Security"] = hsts end
end

return M
