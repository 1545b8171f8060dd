-- In which order the servers of an origin are asked: by the way of balancing, those that are well before those that are
-- not. Phase: access, on a miss. Reads the dicts of `addresses`, `origin_health` and `secrets` through their modules.
local addresses = require "addresses"
local health = require "origin_health"
local secrets = require "secrets"

local byte, md5_bin, pid = string.byte, ngx.md5_bin, ngx.worker.pid
local ceil, log, max, random = math.ceil, math.log, math.max, math.random
local ipairs, sort = ipairs, table.sort

-- One request asks no more often than this, and no more addresses of one server than of another.
local TRIES_MAX = 4
-- A server that waits for this many times its share of answers gets no more of a consistent hash, once it waits for more
-- than a few: one popular URL must not drown the server that it belongs to.
local LOAD_FACTOR, LOAD_MIN = 1.25, 16

local M = {}

-- Whose turn it is; workers do not begin with the same one.
local turn

local function share_of(server, key)
  local one, two, three, four = byte(md5_bin(server.id .. key), 1, 4)
  return (one * 16777216 + two * 65536 + three * 256 + four + 1) / 4294967297
end

-- Each server gets a score; the least is asked first.
local SCORE = {
  failover = function(server, index) return (server.primary and 0 or 1000) + index end,
  round_robin = function(_, index, count) return (index - 1 - turn) % count end,
  -- Drawn without replacement, in proportion to the weights.
  weighted = function(server) return -log(1 - random()) / server.weight end,
  -- Rendezvous hashing: a server that leaves moves only what it held.
  consistent_hash = function(server, _, _, key) return -log(share_of(server, key)) / server.weight end,
}

-- Requests of this worker that wait for an answer, by server; only consistent hashing counts them.
local waiting = {}

function M.begin_waiting(id) waiting[id] = (waiting[id] or 0) + 1 end

function M.end_waiting(id)
  local left = (waiting[id] or 0) - 1
  waiting[id] = left > 0 and left or nil
end

-- Servers beyond their bound come after all others, which keep their order.
local function push_back_loaded(origin, order)
  local total, weight = 1, 0
  for _, server in ipairs(origin.servers) do
    total = total + (waiting[server.id] or 0)
    weight = weight + server.weight
  end
  for _, place in ipairs(order) do
    local bound = max(LOAD_MIN, ceil(LOAD_FACTOR * total * place.server.weight / weight))
    if (waiting[place.server.id] or 0) >= bound then place.score = place.score + 1e9 end
  end
end

local function ranked(origin, key)
  local score, count = SCORE[origin.balancer], #origin.servers
  local order = {}
  for index, server in ipairs(origin.servers) do
    order[index] = { server = server, score = score(server, index, count, key) }
  end
  if origin.balancer == "consistent_hash" then push_back_loaded(origin, order) end
  sort(order, function(one, other) return one.score < other.score end)
  return order
end

-- The last of several servers must come to its turn within the tries of a request.
local function addresses_each(count)
  if count == 1 then return TRIES_MAX end
  return count == 2 and 2 or 1
end

-- The addresses of one name take turns; under a consistent hash each key keeps its own.
local function first_address(origin, server, key, count)
  if count == 1 then return 1 end
  if origin.balancer == "consistent_hash" then return byte(md5_bin(key .. server.id)) % count + 1 end
  return turn % count + 1
end

local function add_server(well, ill, origin, server, key, wanted)
  -- Nobody may sign for a bucket whose secret key is not here (yet).
  if server.bucket and not secrets.find(server.bucket.secret) then return end
  -- Those of a parent's edges come with their names.
  local list = server.addresses or addresses.of_origin(server.host, server.port)
  if not list then return end
  local count = #list
  local first = first_address(origin, server, key, count)
  local added = { [well] = 0, [ill] = 0 }
  for step = 0, count - 1 do
    local address = list[(first - 1 + step) % count + 1]
    local into = health.is_out(server.id, address) and ill or well
    if added[into] < wanted then
      added[into] = added[into] + 1
      into[#into + 1] = { server = server, address = address }
    end
  end
end

--- The servers to try, in order, each with an address. Empty when none has a pinned address. `fits`: leaves some out.
function M.candidates(origin, key, fits)
  turn = (turn or pid()) + 1
  local well, ill = {}, {}
  local order = #origin.servers == 1 and { { server = origin.servers[1] } } or ranked(origin, key)
  local wanted = addresses_each(#order)
  for _, place in ipairs(order) do
    if not fits or fits(place.server) then add_server(well, ill, origin, place.server, key, wanted) end
  end
  -- When nobody is well, illness says nothing; unless there is somebody else to ask.
  for _, candidate in ipairs(origin.has_fallback and {} or ill) do well[#well + 1] = candidate end
  for index = #well, TRIES_MAX + 1, -1 do well[index] = nil end
  return well
end

return M
