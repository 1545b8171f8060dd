-- Whom this edge asks before the origin, and who may ask it: the feed's record of kind `shield`, one per group
-- (shieldBodySchema in agents/record-bodies.ts). Owns the dict `shield`. A store of `records`; reading: access, on a miss and on
-- the listener for children.
local cjson = require "cjson.safe"
local facts = require "facts"

local dict = ngx.shared.shield
local find, md5 = string.find, ngx.md5
local ipairs, type = ipairs, type

local FORMAT = 1
local PORT_MAX, NODES_MAX, CHILD_NODES_MAX = 65535, 1000, 5000
-- A machine that is away must not hold a viewer up: the next one, or the origin, is there.
local CONNECT_SECONDS = 2

local M = {}

local function is_id(value) return type(value) == "string" and find(value, "^%x+%-%x+%-%x+%-%x+%-%x+$") and #value == 36 end
local function is_address(value) return type(value) == "string" and #value <= 39 and find(value, "^[%x:.]+$") end

local function parent_fault(parent)
  if type(parent) ~= "table" or not is_id(parent.group) then return "parent.group" end
  local port, nodes = parent.port, parent.nodes
  if type(port) ~= "number" or port < 1 or port > PORT_MAX or port % 1 ~= 0 then return "parent.port" end
  if type(nodes) ~= "table" or #nodes > NODES_MAX then return "parent.nodes" end
  for index, node in ipairs(nodes) do
    if type(node) ~= "table" or not is_id(node.id) or not is_address(node.address) then
      return "parent.nodes." .. index - 1
    end
  end
end

local function children_fault(groups, nodes)
  if type(groups) ~= "table" then return "children" end
  for index, group in ipairs(groups) do
    if not is_id(group) then return "children." .. index - 1 end
  end
  if nodes == nil then return end
  if type(nodes) ~= "table" or #nodes > CHILD_NODES_MAX then return "child_nodes" end
  for index, node in ipairs(nodes) do
    if not is_id(node) then return "child_nodes." .. index - 1 end
  end
end

local function fault_of(decoded)
  if type(decoded) ~= "table" then return "not an object" end
  if decoded.format ~= FORMAT then return "not of a format that this edge knows" end
  if decoded.parent ~= nil and decoded.parent ~= cjson.null then
    local fault = parent_fault(decoded.parent)
    if fault then return fault end
  end
  return children_fault(decoded.children, decoded.child_nodes)
end

-- Of the same feed an older revision changes nothing.
local function is_old(record)
  return dict:get("feed_turn") == facts.feed_turn() and record.rev < (dict:get("rev") or 0)
end

local function keep(record, body)
  local ok, err = dict:safe_set("body", body)
  if not ok then return nil, "it does not fit: " .. err end
  dict:set("rev", record.rev)
  dict:set("feed_turn", facts.feed_turn())
  dict:incr("changes", 1, 0)
  return true
end

function M.put(record)
  if is_old(record) then return true end
  local decoded, err = cjson.decode(record.body)
  if decoded == nil then return nil, "not JSON: " .. err end
  local fault = fault_of(decoded)
  if fault then return nil, fault end
  return keep(record, record.body)
end

--- What is taken back leaves its place to any other, also to the last good one from before it.
function M.remove(record)
  if is_old(record) then return end
  keep(record, "")
  dict:delete("rev")
end

function M.clear()
  dict:delete("body")
  dict:delete("rev")
  dict:incr("changes", 1, 0)
end

function M.mark_loaded() return dict:safe_set("loaded", true) end
function M.is_loaded() return dict:get("loaded") end

local function bracketed(address) return find(address, ":", 1, true) and "[" .. address .. "]" or address end

-- As the servers of an origin, for balancer.lua and origin_order.lua.
local function server_of(parent, node, index)
  local name = node.id .. "." .. parent.group .. ".edges.internal"
  return {
    index = index, id = node.id, addresses = { bracketed(node.address) }, host = node.address, port = parent.port,
    scheme = "https", tls = "parent", host_header = name, sni = name, weight = 1, connection = md5("parent " .. name),
    connect_timeout = CONNECT_SECONDS,
  }
end

local function parents_of(parent)
  if not parent or parent == cjson.null or #parent.nodes == 0 then return nil end
  local servers = {}
  for index, node in ipairs(parent.nodes) do servers[index] = server_of(parent, node, index) end
  return { balancer = "consistent_hash", has_fallback = true, servers = servers }
end

-- What this worker has read.
local changes, parents, children, child_nodes

local function set_of(list)
  local set = {}
  for _, value in ipairs(list) do set[value] = true end
  return set
end

local function look()
  local now = dict:get("changes")
  if now == changes and children then return end
  changes, parents, children, child_nodes = now, nil, {}, nil
  local decoded = cjson.decode(dict:get("body") or "")
  if not decoded then return end
  parents = parents_of(decoded.parent)
  children = set_of(decoded.children)
  child_nodes = decoded.child_nodes and set_of(decoded.child_nodes)
end

--- The edges of the parent group as an origin; nil when there are none.
function M.parents()
  look()
  return parents
end

--- Whether this edge of this group may ask. A control plane that is older than this edge names the groups alone.
function M.is_child(group, node)
  look()
  if not children[group] then return false end
  return child_nodes == nil or child_nodes[node] or false
end

return M
