-- balancer.lua: who is asked first, and who next.
local addresses = require "addresses"
local balancer = require "balancer"
local lu = require "luaunit"

assert(addresses.merge({
  ["a.test:80"] = { "192.0.2.1" }, ["b.test:80"] = { "192.0.2.2", "192.0.2.3" }, ["c.test:80"] = { "192.0.2.4" },
  ["six.test:80"] = { "2001:db8::1" }, ["[2001:db8::2]:80"] = { "2001:db8::2" }, ["refused.test:80"] = {},
}))

local function server(host, fields)
  local made = { id = host, host = host, port = 80, weight = 1, primary = false }
  for name, value in pairs(fields or {}) do made[name] = value end
  return made
end

local function order(kind, servers, key)
  local dialled = {}
  for index, candidate in ipairs(balancer.candidates({ balancer = kind, servers = servers }, key or "k")) do
    dialled[index] = candidate.address
  end
  return dialled
end

local T = {}

function T.test_failover_asks_the_primary_first_and_each_address()
  local servers = { server "a.test", server("b.test", { primary = true }) }
  lu.assertEquals(order("failover", servers), { "192.0.2.2", "192.0.2.3", "192.0.2.1" })
end

function T.test_an_origin_without_a_pinned_address_is_not_dialled()
  lu.assertEquals(order("failover", { server "refused.test", server "unknown.test", server "a.test" }), { "192.0.2.1" })
  lu.assertEquals(order("failover", { server("a.test", { port = 81 }) }), {})
end

function T.test_ipv6_is_dialled_in_brackets()
  lu.assertEquals(order("failover", { server "six.test", server "2001:db8::2" }), { "[2001:db8::1]", "[2001:db8::2]" })
end

function T.test_round_robin_takes_turns()
  local servers = { server "a.test", server "c.test" }
  local first, second = order("round_robin", servers)[1], order("round_robin", servers)[1]
  lu.assertNotEquals(first, second)
  lu.assertEquals(order("round_robin", servers)[1], first)
end

function T.test_weights_are_honoured()
  local servers = { server("a.test", { weight = 9 }), server("c.test", { weight = 1 }) }
  local heavy = 0
  for _ = 1, 2000 do
    if order("weighted", servers)[1] == "192.0.2.1" then heavy = heavy + 1 end
  end
  lu.assertTrue(heavy > 1700 and heavy < 1900, heavy)
end

function T.test_consistent_hash_keeps_a_url_on_its_server_when_another_leaves()
  local three = { server "a.test", server("b.test"), server "c.test" }
  local two = { three[1], three[3] }
  local moved, stayed = 0, 0
  for index = 1, 500 do
    local before, after = order("consistent_hash", three, "/" .. index)[1], order("consistent_hash", two, "/" .. index)[1]
    if before ~= "192.0.2.2" then
      lu.assertEquals(after, before)
      stayed = stayed + 1
    else
      moved = moved + 1
    end
  end
  lu.assertTrue(moved > 100 and stayed > 250, moved)
end

function T.test_no_more_than_four_tries()
  local servers = { server "b.test", server "b.test", server "b.test" }
  lu.assertEquals(#order("failover", servers), 4)
end

return T
