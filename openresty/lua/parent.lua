-- A miss goes to an edge of the parent group before it goes to the origin; when none of them answers, the origin is asked
-- as if there were none. Phases: access, header_filter and the error page of the inner server. Between its locations the
-- variable edge_parent tells how far that has come: "" undecided, `none` not to be asked (any more), `asked`, and `child`: the
-- request is itself one of a child. Reads the dict `shield` through its module.
local balancer = require "balancer"
local header_rules = require "header_rules"
local shield = require "shield"

local ngx = ngx
local header = ngx.header
local set_request_header = ngx.req.set_header
local max = math.max
local match = string.match
local ipairs, tonumber = ipairs, tonumber

-- The parent may try several servers of the origin, one after the other (see balancer.lua).
local OWN_RETRIES_SECONDS = 20

local M = {}

--- Whether this request goes there. Call it before the edge's own header lines are taken off.
function M.is_due(var)
  -- A parent does not ask a parent.
  if (var.http_x_edge_child or "") ~= "" then
    var.edge_parent = "child"
    return false
  end
  if var.edge_parent ~= "" then return false end
  local is_due = shield.parents() ~= nil
  var.edge_parent = is_due and "asked" or "none"
  return is_due
end

local function patience_with(origin)
  local longest = 0
  for _, server in ipairs(origin.servers) do longest = max(longest, server.connect_timeout + server.read_timeout) end
  return OWN_RETRIES_SECONDS + longest
end

--- Chooses an edge of the parent group for what is kept under `key`; false when none can be asked. A purge or another month
-- leads to the same edge, which is told of the epoch: it must not answer with anything older.
function M.choose(var, document, key)
  local parents = shield.parents()
  local epoch, lasting = match(key, "^[^|]+|%d+|(%d+%+?%d*)|(.+)$")
  if not parents or not balancer.choose(parents, document.id .. lasting, var.request_uri, "parent") then
    M.give_up(var)
    return false
  end
  ngx.ctx.patience = patience_with(document.origin)
  set_request_header("X-Edge-Distribution", document.id)
  set_request_header("X-Edge-Min-Epoch", epoch)
  return true
end

--- The origin is asked as if nobody had been asked before.
function M.give_up(var)
  var.edge_parent = "none"
  var.edge_origin_target = ""
  var.edge_origin_rest = ""
  var.edge_origin_at = ""
end

--- Whether an edge of a child group asks.
function M.is_one(var) return var.edge_parent == "child" end

function M.was_asked(var) return var.edge_parent == "asked" end

--- Whether the viewer's credentials would reach the origin.
function M.passes_credentials(var, document, path)
  local origin = document.origin
  if not var.http_authorization or (origin.has_buckets and not origin.has_others) then return false end
  return not header_rules.writes(document.headers, path, "authorization")
end

--- Whether the parent answered from its cache.
function M.had() return header["X-Edge-Parent"] == "had" end

--- For how many seconds the parent has had its answer; nil when the answer does not come from its cache or its origin.
function M.kept()
  if not header["X-Edge-Parent"] then return nil end
  return tonumber(header["X-Edge-Kept"]) or 0
end

return M
