-- The agent's question through the real listeners: which revision of a host's document is served here, and over TLS by which
-- certificate? Phase: access.
-- Only who knows this nginx's own secret is answered.
local cjson = require "cjson.safe"
local documents = require "documents"
local facts = require "facts"
local shown_certificates = require "shown_certificates"

local ngx = ngx

local M = {}

function M.is_asked(secret) return secret == facts.probe_secret() end

--- Answers for the distribution that the request was routed to.
function M.answer(id)
  if not id then return ngx.exit(421) end
  local _, rev = documents.find(id)
  if not rev then return ngx.exit(503) end
  local name = ngx.var.ssl_server_name
  local shown = name and shown_certificates.find(name)
  ngx.header["Content-Type"] = "application/json"
  ngx.say(cjson.encode({
    id = id, rev = rev, structure = facts.structure(), certificate = shown and { id = shown.id, rev = shown.rev },
  }))
  return ngx.exit(200)
end

return M
