-- GET /__edge/health on the edge's own names. Phase: access.
local cjson = require "cjson.safe"
local facts = require "facts"

local ngx = ngx

local PATH = "/__edge/health"

local M = {}

function M.is_asked(var) return var.uri == PATH and var.edge_own == "1" end

function M.answer()
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Cache-Control"] = "no-store"
  ngx.say(cjson.encode({
    status = "ok", revision = facts.applied(), structure = facts.structure(), documents = facts.documents(),
  }))
  return ngx.exit(200)
end

return M
