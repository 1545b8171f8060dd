-- Asks the servers of an origin, one after the other. Phases: `choose` in access, on a miss; `balance` in balancer;
-- `answered` in header_filter; `failed` and `may_go_on` in the page of a failed request; `finish` in log. What one
-- location of nginx cannot ask (with another trust in certificates, under another path) another does; ngx.ctx does not
-- survive going there, so what they share stands in variables: edge_origin_rest, who is still to be asked, and
-- edge_origin_at, who is being asked.
local balancer = require "ngx.balancer"
local health = require "origin_health"
local order = require "origin_order"
local relay = require "relay"
local s3 = require "s3"

local ngx = ngx
local concat = table.concat
local gmatch, lower, match = string.gmatch, string.lower, string.match
local max = math.max
local ipairs, tonumber = ipairs, tonumber

local KEPT_IDLE_SECONDS, REQUESTS_PER_CONNECTION = 60, 1000
-- After this long a viewer gets an error instead of another try.
local RETRIES_WITHIN_SECONDS = 20
local WEBSOCKET_IDLE_SECONDS = 600
-- nginx's own code for "no server is left".
local NGX_BUSY = -3

local M = {}

-- How nginx itself speaks to it. The relay speaks TLS to others on its own.
local function tls_of(candidate) return candidate.is_relayed and "none" or candidate.server.tls end

-- In one location, nginx looks at certificates or it does not, and asks for one path.
local function may_join(tls, other)
  if other == tls then return true end
  return balancer.set_upstream_tls and (tls == "none" or other == "none")
end

-- How many of the first candidates one location can ask, and how it must speak to them.
local function first_run(var, list)
  for _, candidate in ipairs(list) do candidate.is_relayed = relay.is_needed(var, candidate.server) end
  local tls, prefix = tls_of(list[1]), list[1].server.prefix
  for index, candidate in ipairs(list) do
    local other = tls_of(candidate)
    if candidate.server.prefix ~= prefix or not may_join(tls, other) then return index - 1, tls end
    if other ~= "none" then tls = other end
  end
  return #list, tls
end

local function written(list, from)
  local words = {}
  for index = from, #list do words[#words + 1] = list[index].server.index .. " " .. list[index].address end
  return concat(words, ",")
end

local function read(origin, text)
  local list = {}
  for index, address in gmatch(text, "(%d+) ([^,]+)") do
    local server = origin.servers[tonumber(index)]
    if server then list[#list + 1] = { server = server, address = address } end
  end
  return list
end

local function present(var, candidate, target)
  local server = candidate.server
  var.edge_relay = candidate.is_relayed and relay.asked_for(server, candidate.address) or ""
  var.edge_origin_host = server.host_header
  var.edge_origin_sni = server.sni
  if server.bucket then s3.sign(var, server, target) else s3.unsign(var) end
end

-- Which place asks those who are spoken to in this way.
local PLACES = { none = "verified", verified = "verified", unverified = "unverified", parent = "parent" }

--- Whether a server was asked already: then what is written into requests once is there.
function M.is_again(var) return (var.edge_origin_target or "") ~= "" end

--- Chooses whom this request is sent to. Returns the place that must ask, `verified`, `unverified` or `parent`: when it
-- is not `here`, the request is to go there and to choose again. nil when there is nobody to ask. `fits`: leaves servers out.
function M.choose(origin, key, target, here, fits)
  local var = ngx.var
  local rest = var.edge_origin_rest
  local list = rest ~= "" and read(origin, rest) or order.candidates(origin, key, fits)
  if #list == 0 then
    if origin.has_fallback then return nil end
    ngx.log(ngx.WARN, "no server of this origin can be asked: none has a pinned address, or no secret key is here")
    return nil
  end
  local count, tls = first_run(var, list)
  local place = PLACES[tls]
  if place ~= here then
    var.edge_origin_rest = written(list, 1)
    return place
  end
  rest = count < #list and written(list, count + 1) or ""
  var.edge_origin_rest = rest
  -- nginx decides once whether it can speak TLS; `balance` turns it off for servers without.
  var.edge_origin_scheme = tls == "none" and "http" or "https"
  local prefix = list[1].server.prefix
  if prefix then target = s3.target(prefix, target) end
  var.edge_origin_target = target
  present(var, list[1], target)
  local ctx = ngx.ctx
  ctx.candidates, ctx.count, ctx.tried, ctx.has_rest = list, count, 0, rest ~= ""
  ctx.tls, ctx.target = tls, target
  -- Where there is no choice, it does not matter who is well, nor who is busy.
  ctx.has_choice = #list > 1 or #origin.servers > 1 or origin.has_fallback
  ctx.is_hashed = ctx.has_choice and origin.balancer == "consistent_hash"
  return place
end

local function note(ctx, outcome)
  local candidate = ctx.candidate
  if ctx.has_choice then outcome(candidate.server.id, candidate.address) end
end

local function leave(ctx)
  if ctx.is_hashed then order.end_waiting(ctx.candidate.server.id) end
end

local function enter(ctx, var, candidate)
  local id = candidate.server.id
  if ctx.is_hashed then order.begin_waiting(id) end
  if ctx.has_choice then var.edge_origin_at = id .. " " .. candidate.address .. (ctx.is_hashed and " waits" or "") end
  ctx.candidate = candidate
end

local function next_candidate(ctx, var)
  local tried = ctx.tried + 1
  ctx.tried = tried
  if tried == 1 then
    -- Where others are asked elsewhere, the try after the last one leads there.
    local more = ctx.count - 1 + (ctx.has_rest and 1 or 0)
    if more > 0 then balancer.set_more_tries(more) end
    return ctx.candidates[1]
  end
  note(ctx, health.failed)
  leave(ctx)
  if tried > ctx.count and ctx.has_rest then
    var.edge_origin_at = ""
    return nil
  end
  -- More tries than servers: a kept connection was closed under nginx's hands, and that counts for none.
  local candidate = ctx.candidates[(tried - 1) % ctx.count + 1]
  if candidate.server ~= ctx.candidate.server or candidate.is_relayed then
    present(var, candidate, ctx.target)
    local ok, err = balancer.recreate_request()
    if not ok then ngx.log(ngx.ERR, "the request cannot be made anew: ", err) end
  end
  return candidate
end

-- Seconds of silence from a server. A WebSocket may be silent for longer than an answer may take.
local function patience_with(var, candidate)
  local server = candidate.server
  if candidate.is_relayed then return relay.patience(server) end
  local upgrade = var.http_upgrade
  if upgrade and lower(upgrade) == "websocket" then return max(server.read_timeout, WEBSOCKET_IDLE_SECONDS) end
  return server.read_timeout
end

function M.balance()
  local ctx, var = ngx.ctx, ngx.var
  local candidate = next_candidate(ctx, var)
  if not candidate then return ngx.exit(NGX_BUSY) end
  enter(ctx, var, candidate)
  local server = candidate.server
  local ok, err
  if candidate.is_relayed then
    ok, err = balancer.set_current_peer(relay.SOCKET)
  else
    ok, err = balancer.set_current_peer(candidate.address, server.port, server.connection)
  end
  if not ok then return ngx.log(ngx.ERR, "the address ", candidate.address, " is not dialled: ", err) end
  local patience = ctx.patience or patience_with(var, candidate)
  balancer.set_timeouts(server.connect_timeout, patience, patience)
  if balancer.set_upstream_tls and ctx.tls ~= "none" then balancer.set_upstream_tls(tls_of(candidate) ~= "none") end
  if balancer.enable_keepalive and ctx.tried <= ctx.count then
    if candidate.is_relayed then
      balancer.enable_keepalive(relay.IDLE_SECONDS, relay.REQUESTS_PER_CONNECTION)
    else
      balancer.enable_keepalive(KEPT_IDLE_SECONDS, REQUESTS_PER_CONNECTION)
    end
  end
end

--- The server that answers; nil when it is no server's answer.
function M.server() return ngx.ctx.candidate and ngx.ctx.candidate.server end

--- A server answered with this status.
function M.answered(status)
  local ctx = ngx.ctx
  if not ctx.candidate then return end
  note(ctx, status >= 502 and status <= 504 and health.failed or health.answered)
end

--- The last server that was asked did not answer.
function M.failed()
  local id, address = match(ngx.var.edge_origin_at or "", "^(%S+) (%S+)")
  if id then health.failed(id, address) end
end

--- Whether others are left to be asked, and it is not too late for that.
function M.may_go_on()
  local rest = ngx.var.edge_origin_rest
  return rest and rest ~= "" and ngx.now() - ngx.req.start_time() < RETRIES_WITHIN_SECONDS
end

--- The request ends.
function M.finish()
  local id = match(ngx.var.edge_origin_at or "", "^(%S+) %S+ waits$")
  if id then order.end_waiting(id) end
end

return M
