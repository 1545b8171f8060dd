-- Which server of the origin is asked, and which next when it cannot be reached. Phases: `choose` in access, on a miss;
-- `balance` in balancer. Reads the dict `addresses` through its module; the order waits in ngx.ctx.
local addresses = require "addresses"
local balancer = require "ngx.balancer"

local ngx = ngx
local crc32 = ngx.crc32_long
local log, random = math.log, math.random
local ipairs, sort = ipairs, table.sort

local TRIES_MAX = 4
local KEPT_IDLE_SECONDS, REQUESTS_PER_CONNECTION = 60, 1000

local M = {}

-- Each server gets a score; the least is asked first.
local turn = 0

local SCORE = {
  failover = function(server, index) return (server.primary and 0 or 1000) + index end,
  round_robin = function(_, index, count) return (index - 1 - turn) % count end,
  -- Drawn without replacement, in proportion to the weights.
  weighted = function(server) return -log(1 - random()) / server.weight end,
  -- Rendezvous hashing: a server that leaves moves only what it held.
  consistent_hash = function(server, _, _, key)
    return -log((crc32(server.id .. key) + 1) / 4294967297) / server.weight
  end,
}

local function ranked(origin, key)
  local score, count = SCORE[origin.balancer], #origin.servers
  local order = {}
  for index, server in ipairs(origin.servers) do
    order[index] = { server = server, score = score(server, index, count, key) }
  end
  turn = turn + 1
  sort(order, function(one, other) return one.score < other.score end)
  return order
end

--- The servers to try, in order, each with an address. Empty when no origin has a pinned address.
function M.candidates(origin, key)
  local list = {}
  for _, place in ipairs(ranked(origin, key)) do
    for _, address in ipairs(addresses.of_origin(place.server.host, place.server.port) or {}) do
      if #list == TRIES_MAX then return list end
      list[#list + 1] = { server = place.server, address = address }
    end
  end
  return list
end

local function present(var, server)
  var.edge_origin_host = server.host_header
  var.edge_origin_sni = server.sni
end

-- Where nginx cannot leave TLS out for one server, all that are tried speak as the first does.
local function speaking_alike(list)
  if balancer.set_upstream_tls then return list end
  local alike, scheme = {}, list[1].server.scheme
  for _, candidate in ipairs(list) do
    if candidate.server.scheme == scheme then alike[#alike + 1] = candidate end
  end
  return alike
end

--- Chooses for this request. nil when there is nobody to ask.
function M.choose(origin, key)
  local list = M.candidates(origin, key)
  if #list == 0 then
    ngx.log(ngx.WARN, "no pinned address for any origin of this distribution")
    return nil
  end
  list = speaking_alike(list)
  local var, scheme = ngx.var, "http"
  -- nginx decides once whether it can speak TLS; `balance` turns it off for servers without.
  for _, candidate in ipairs(list) do
    if candidate.server.scheme == "https" then scheme = "https" end
  end
  var.edge_origin_scheme = scheme
  present(var, list[1].server)
  local ctx = ngx.ctx
  ctx.candidates, ctx.tried, ctx.scheme = list, 0, scheme
  return true
end

function M.balance()
  local ctx = ngx.ctx
  local list = ctx.candidates
  ctx.tried = ctx.tried + 1
  local candidate = list[ctx.tried]
  if not candidate then return ngx.exit(502) end
  local server = candidate.server
  if ctx.tried == 1 then
    if #list > 1 then balancer.set_more_tries(#list - 1) end
  elseif server ~= list[ctx.tried - 1].server then
    present(ngx.var, server)
    local ok, err = balancer.recreate_request()
    if not ok then return ngx.log(ngx.ERR, "the request cannot be made anew: ", err) end
  end
  -- The name is part of what a kept connection is known by: TLS was spoken with that name.
  local ok, err = balancer.set_current_peer(candidate.address, server.port, server.sni)
  if not ok then return ngx.log(ngx.ERR, "the address ", candidate.address, " is not dialled: ", err) end
  if balancer.set_upstream_tls and ctx.scheme == "https" then balancer.set_upstream_tls(server.scheme == "https") end
  if balancer.enable_keepalive then balancer.enable_keepalive(KEPT_IDLE_SECONDS, REQUESTS_PER_CONNECTION) end
end

return M
