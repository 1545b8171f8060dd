-- Whether this edge takes viewers. While it drains everything is served, but its health is a 503, connections of HTTP/1.1
-- end with their answer, and no viewer is invited to HTTP/3; those of HTTP/2 and 3 end within `keepalive_time`. Phases:
-- init_worker, header_filter and content; the state lies in the dict `edge`, and each worker looks at it now and then: a
-- hit reads a local variable.
local facts = require "facts"

local ngx = ngx
local header = ngx.header
local find, match = string.find, string.match

local LOOK_EVERY_SECONDS = 0.2
local STATES = { active = true, draining = true }

local draining = false

local M = {}

local function look() draining = facts.node_state() == "draining" end

function M.begin()
  look()
  local ok, err = ngx.timer.every(LOOK_EVERY_SECONDS, look)
  if not ok then ngx.log(ngx.ERR, "this worker will not learn of the edge's state: ", err) end
end

--- Takes the state over, from the agent or its file; nil and why when it is none.
function M.take(text)
  local state = match(text or "", "^(%a+)%s*$")
  if not STATES[state] then return nil, "a state is wanted: active or draining" end
  facts.set_node_state(state)
  look()
  return true
end

--- Ends the viewer's connection with this answer while the edge drains. A WebSocket is left alone.
function M.part(var)
  if not draining or ngx.status == 101 then return end
  if find(var.server_protocol, "HTTP/1", 1, true) then header["Connection"] = "close" end
end

--- What the viewer may switch to: RFC 7838 § 3 takes an earlier invitation back.
function M.alternatives(alt_svc) return draining and "clear" or alt_svc end

return M
