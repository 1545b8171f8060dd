-- origin_order.lua: who is asked first, and who next.
local addresses = require "addresses"
local health = require "origin_health"
local lu = require "luaunit"
local origin_order = require "origin_order"
local secrets = require "secrets"

assert(addresses.merge({
  ["a.test:80"] = { "192.0.2.1" }, ["b.test:80"] = { "192.0.2.2", "192.0.2.3" }, ["c.test:80"] = { "192.0.2.4" },
  ["many.test:80"] = { "192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14", "192.0.2.15" },
  ["six.test:80"] = { "2001:db8::1" }, ["[2001:db8::2]:80"] = { "2001:db8::2" }, ["refused.test:80"] = {},
}))

local function server(host, fields)
  local made = { id = host, host = host, port = 80, weight = 1, primary = false }
  for name, value in pairs(fields or {}) do made[name] = value end
  return made
end

local function order(kind, servers, key, fits)
  local dialled = {}
  for index, candidate in ipairs(origin_order.candidates({ balancer = kind, servers = servers }, key or "k", fits)) do
    dialled[index] = candidate.address
  end
  return dialled
end

local T = {}

local function sorted(list)
  table.sort(list)
  return list
end

function T.test_failover_asks_the_primary_first_and_two_addresses_of_each()
  local servers = { server "a.test", server("b.test", { primary = true }) }
  local dialled = order("failover", servers)
  lu.assertEquals(sorted { dialled[1], dialled[2] }, { "192.0.2.2", "192.0.2.3" })
  lu.assertEquals(dialled[3], "192.0.2.1")
end

function T.test_the_addresses_of_a_name_take_turns()
  local first = {}
  for _ = 1, 10 do first[order("failover", { server "many.test" })[1]] = true end
  local count = 0
  for _ in pairs(first) do count = count + 1 end
  lu.assertEquals(count, 5)
end

function T.test_many_addresses_of_one_server_leave_room_for_the_others()
  local servers = { server("many.test", { primary = true }), server "a.test" }
  lu.assertEquals(order("failover", servers)[3], "192.0.2.1")
  servers[3] = server "c.test"
  local dialled = order("failover", servers)
  lu.assertEquals({ dialled[2], dialled[3], #dialled }, { "192.0.2.1", "192.0.2.4", 3 })
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
  local three = { server "a.test", server "six.test", server "c.test" }
  local two = { three[1], three[3] }
  local moved, stayed = 0, 0
  for index = 1, 500 do
    local before, after = order("consistent_hash", three, "/" .. index)[1], order("consistent_hash", two, "/" .. index)[1]
    if before ~= "[2001:db8::1]" then
      lu.assertEquals(after, before)
      stayed = stayed + 1
    else
      moved = moved + 1
    end
  end
  lu.assertTrue(moved > 100 and stayed > 250, moved)
end

function T.test_no_more_than_four_tries()
  local servers = {}
  for index = 1, 6 do servers[index] = server "b.test" end
  lu.assertEquals(#order("failover", servers), 4)
  lu.assertEquals(#order("failover", { server "many.test" }), 4)
end

function T.test_who_is_ill_is_asked_last_and_when_all_are_in_the_usual_order()
  local servers = { server("a.test", { id = "ill-a", primary = true }), server("c.test", { id = "ill-c" }) }
  health.set_ill("ill-a", 60)
  lu.assertEquals(order("failover", servers), { "192.0.2.4", "192.0.2.1" })
  health.set_ill("ill-c", 60)
  lu.assertEquals(order("failover", servers), { "192.0.2.1", "192.0.2.4" })
  health.set_well "ill-a"
  health.set_well "ill-c"
end

function T.test_an_address_that_is_out_does_not_put_out_its_server()
  local servers = { server("b.test", { id = "half", primary = true }), server "a.test" }
  for _ = 1, 3 do health.failed("half", "192.0.2.2") end
  lu.assertEquals(order("failover", servers), { "192.0.2.3", "192.0.2.1", "192.0.2.2" })
end

function T.test_a_bucket_is_asked_by_those_who_have_its_key()
  local id = "00000000-0000-4000-8000-00000000000a"
  local servers = { server("a.test", { primary = true, bucket = { secret = id } }), server "c.test" }
  lu.assertEquals(order("failover", servers), { "192.0.2.4" })
  secrets.merge { [id] = "key" }
  lu.assertEquals(order("failover", servers), { "192.0.2.1", "192.0.2.4" })
  lu.assertEquals(order("failover", servers, "k", function(one) return not one.bucket end), { "192.0.2.4" })
end

local function holder_of(servers, key) return order("consistent_hash", servers, key)[1] end

function T.test_a_server_that_drowns_gets_no_more_of_a_consistent_hash()
  local servers = { server("a.test", { id = "drowns-a" }), server("c.test", { id = "drowns-c" }) }
  local held = holder_of(servers, "/popular")
  local id = held == "192.0.2.1" and "drowns-a" or "drowns-c"
  for _ = 1, 16 do
    lu.assertEquals(holder_of(servers, "/popular"), held)
    origin_order.begin_waiting(id)
  end
  lu.assertNotEquals(holder_of(servers, "/popular"), held)
  origin_order.end_waiting(id)
  lu.assertEquals(holder_of(servers, "/popular"), held)
  for _ = 1, 15 do origin_order.end_waiting(id) end
end

function T.test_a_consistent_hash_spreads_by_weight()
  local servers = { server("a.test", { weight = 3 }), server("c.test", { weight = 1 }) }
  local heavy = 0
  for index = 1, 2000 do
    if holder_of(servers, "/" .. index) == "192.0.2.1" then heavy = heavy + 1 end
  end
  lu.assertTrue(heavy > 1400 and heavy < 1600, heavy)
end

return T
