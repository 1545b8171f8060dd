-- GET /__edge/health on the edge's own names. Phase: access.
local cjson = require "cjson.safe"
local facts = require "facts"

local ngx = ngx

local PATH = "/__edge/health"

local REASONS = { draining = "this edge is being taken out of service" }

local M = {}

function M.is_asked(var, uri) return uri == PATH and var.edge_own == "1" end

function M.answer()
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Cache-Control"] = "no-store"
  local state = facts.node_state()
  local is_active = state == "active"
  -- Who sends viewers here asks this; they are served until they stay away.
  ngx.status = is_active and 200 or 503
  ngx.say(cjson.encode({
    status = is_active and "ok" or state, reason = REASONS[state], revision = facts.applied(),
    structure = facts.structure(), documents = facts.documents(),
  }))
  return ngx.exit(200)
end

return M
