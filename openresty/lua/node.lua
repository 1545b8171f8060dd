-- Whether this edge takes viewers. While it drains everything is served, but its health is a 503, connections of HTTP/1.1
-- end with their answer, and no viewer is invited to HTTP/3; those of HTTP/2 and 3 end within `keepalive_time`. Phases:
-- init_worker, access and header_filter; the state lies in the dict `edge`, and each worker looks at it now and then: a
-- hit reads a local variable.
local facts = require "facts"

local ngx = ngx
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

--- Whether the viewer's connection is to end with this answer. nginx itself ends it, in a location of its own, so that it says
-- so once.
function M.ends_connection(var) return draining and find(var.server_protocol, "HTTP/1", 1, true) ~= nil end

--- What the viewer may switch to: RFC 7838 § 3 takes an earlier invitation back.
function M.alternatives(alt_svc) return draining and "clear" or alt_svc end

return M
