-- shield.lua on the real dict: who is asked and who may ask, by the newest record; what is refused changes nothing.
local cjson = require "cjson.safe"
local facts = require "facts"
local health = require "origin_health"
local lu = require "luaunit"
local origin_order = require "origin_order"
local shield = require "shield"

local GROUP, CHILD = "0b9e5a36-7f2b-4c8e-9d53-00000000000a", "0b9e5a36-7f2b-4c8e-9d53-00000000000b"
local NODES = { { id = "0b9e5a36-7f2b-4c8e-9d53-000000000001", address = "192.0.2.1" },
  { id = "0b9e5a36-7f2b-4c8e-9d53-000000000002", address = "2001:db8::1" } }

local rev = 0

local function body(fields)
  local made = { format = 1, parent = { group = GROUP, port = 8444, nodes = NODES }, children = { CHILD } }
  for name, value in pairs(fields or {}) do made[name] = value end
  return cjson.encode(made)
end

local function put(text, at)
  rev = at or rev + 1
  return shield.put { kind = "shield", id = GROUP, rev = rev, op = "put", body = text }
end

local function dialled(key)
  local list = {}
  for index, candidate in ipairs(origin_order.candidates(shield.parents(), key or "k")) do list[index] = candidate.address end
  return list
end

local T = {}

function T.test_the_record_tells_who_is_asked_and_who_may_ask()
  lu.assertTrue(put(body()))
  lu.assertTrue(shield.is_child(CHILD))
  lu.assertFalse(shield.is_child(GROUP))
  lu.assertFalse(shield.is_child(nil))
  local servers = shield.parents().servers
  lu.assertEquals(servers[1].sni, NODES[1].id .. "." .. GROUP .. ".edges.internal")
  local list = dialled()
  table.sort(list)
  lu.assertEquals(list, { "192.0.2.1", "[2001:db8::1]" })
end

function T.test_of_the_children_those_edges_may_ask_that_are_named()
  local named, removed = NODES[1].id, NODES[2].id
  lu.assertTrue(put(body { child_nodes = { named } }))
  lu.assertTrue(shield.is_child(CHILD, named))
  lu.assertFalse(shield.is_child(CHILD, removed))
  lu.assertFalse(shield.is_child(CHILD, nil))
  lu.assertFalse(shield.is_child(GROUP, named))
  lu.assertTrue(put(body { child_nodes = {} }))
  lu.assertFalse(shield.is_child(CHILD, named))
  lu.assertTrue(put(body()), "an older control plane names none")
  lu.assertTrue(shield.is_child(CHILD, removed))
end

function T.test_nobody_is_asked_without_nodes_a_parent_or_a_record()
  lu.assertTrue(put(body { parent = { group = GROUP, port = 8444, nodes = {} } }))
  lu.assertNil(shield.parents())
  lu.assertTrue(put(body { parent = cjson.null }))
  lu.assertNil(shield.parents())
  lu.assertTrue(shield.is_child(CHILD))
  rev = rev + 1
  shield.remove { kind = "shield", id = GROUP, rev = rev, op = "del", body = "" }
  lu.assertNil(shield.parents())
  lu.assertFalse(shield.is_child(CHILD))
end

function T.test_an_older_record_of_the_same_feed_changes_nothing()
  put(body())
  lu.assertTrue(put(body { children = {} }, rev - 1))
  lu.assertTrue(shield.is_child(CHILD))
  rev = rev + 1
  facts.take_feed("another " .. rev)
  lu.assertTrue(put(body { children = {} }, 1))
  lu.assertFalse(shield.is_child(CHILD))
  rev = 1000
end

function T.test_the_last_good_one_takes_the_place_of_one_that_is_taken_back()
  put(body { children = {} })
  shield.remove { kind = "shield", id = GROUP, rev = rev, op = "del", body = "" }
  lu.assertTrue(put(body(), rev - 1))
  lu.assertTrue(shield.is_child(CHILD))
  lu.assertTrue(put(body { children = {} }, rev - 1))
  lu.assertTrue(shield.is_child(CHILD))
end

function T.test_what_is_no_such_record_is_refused_and_changes_nothing()
  put(body())
  local node = { id = NODES[1].id, address = "192.0.2.1" }
  local function with(fields)
    local parent = { group = GROUP, port = 8444, nodes = { node } }
    for name, value in pairs(fields) do parent[name] = value end
    return body { parent = parent }
  end
  for _, text in ipairs {
    "", "[]", "{", '"x"', body { format = 2 }, body { children = "x" }, body { children = { "x" } },
    body { child_nodes = "x" }, body { child_nodes = { "x" } }, body { child_nodes = { 1 } }, with { group = "x.y" },
    with { port = 0 }, with { port = 1.5 }, with { port = "8444" }, with { nodes = "x" }, with { nodes = { "x" } },
    with { nodes = { { id = NODES[1].id, address = "a.test" } } }, with { nodes = { { id = "x", address = "192.0.2.1" } } },
    with { nodes = { { id = NODES[1].id, address = "192.0.2.1 evil" } } },
  } do
    local ok, message = put(text)
    lu.assertNil(ok, text)
    lu.assertNotNil(message)
  end
  lu.assertTrue(shield.is_child(CHILD))
  lu.assertEquals(#shield.parents().servers, 2)
end

function T.test_edges_that_are_out_are_left_out_and_there_may_be_none()
  local one, other = "0b9e5a36-7f2b-4c8e-9d53-000000000003", "0b9e5a36-7f2b-4c8e-9d53-000000000004"
  local nodes = { { id = one, address = "192.0.2.3" }, { id = other, address = "192.0.2.4" } }
  put(body { parent = { group = GROUP, port = 8444, nodes = nodes } })
  for _ = 1, 3 do health.failed(one, "192.0.2.3") end
  lu.assertEquals(dialled(), { "192.0.2.4" })
  for _ = 1, 3 do health.failed(other, "192.0.2.4") end
  lu.assertEquals(dialled(), {})
end

return T
