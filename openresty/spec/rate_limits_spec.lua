-- rate_limits.lua on its real dict: who is refused, and for how long.
local lu = require "luaunit"
local rate_limits = require "rate_limits"

local count = 0
local function new_id()
  count = count + 1
  return ("0b9e5a36-7f2b-4c8e-9d53-%012x"):format(count)
end

local function prepared(...)
  local limits = { ... }
  lu.assertNil(rate_limits.fault(limits))
  rate_limits.prepare(limits)
  return limits
end

local NOW, HOUR = 1700000000.5, 3600
local ONE, OTHER = "\127\0\0\1", "\127\0\0\2"

local T = {}

function T.test_so_many_and_the_burst_and_no_more()
  local limits, id = prepared({ requests = 3, per = HOUR, burst = 2 }), new_id()
  for turn = 1, 5 do lu.assertNil(rate_limits.wait(limits, id, ONE, "/", NOW), turn) end
  local wait = rate_limits.wait(limits, id, ONE, "/", NOW)
  lu.assertAlmostEquals(wait, HOUR / 3, 60)
  -- Who is refused does not wait longer for having asked.
  lu.assertAlmostEquals(rate_limits.wait(limits, id, ONE, "/", NOW), HOUR / 3, 60)
end

function T.test_a_bucket_empties_in_time()
  local limits, id = prepared({ requests = 20, per = 10, burst = 0 }), new_id()
  for _ = 1, 20 do lu.assertNil(rate_limits.wait(limits, id, ONE, "/", NOW)) end
  lu.assertEquals(rate_limits.wait(limits, id, ONE, "/", NOW + 0.4), 1)
  lu.assertNil(rate_limits.wait(limits, id, ONE, "/", NOW + 0.6))
  lu.assertEquals(rate_limits.wait(limits, id, ONE, "/", NOW + 0.6), 1)
  for _ = 1, 20 do lu.assertNil(rate_limits.wait(limits, id, ONE, "/", NOW + 100)) end
  lu.assertEquals(rate_limits.wait(limits, id, ONE, "/", NOW + 100), 1)
end

function T.test_viewers_and_distributions_do_not_count_for_each_other()
  local limits, id = prepared({ requests = 1, per = HOUR, burst = 0 }), new_id()
  lu.assertNil(rate_limits.wait(limits, id, ONE, "/", NOW))
  lu.assertNotNil(rate_limits.wait(limits, id, ONE, "/", NOW))
  lu.assertNil(rate_limits.wait(limits, id, OTHER, "/", NOW))
  lu.assertNil(rate_limits.wait(limits, new_id(), ONE, "/", NOW))
end

function T.test_all_addresses_of_a_network_of_ipv6_are_one_viewer()
  local limits, id = prepared({ requests = 1, per = HOUR, burst = 0 }), new_id()
  local network = "\32\1\13\184\0\0\0\1"
  lu.assertNil(rate_limits.wait(limits, id, network .. ("\0"):rep(8), "/", NOW))
  lu.assertNotNil(rate_limits.wait(limits, id, network .. ("\1"):rep(8), "/", NOW))
  lu.assertNil(rate_limits.wait(limits, id, "\32\1\13\184\0\0\0\2" .. ("\0"):rep(8), "/", NOW))
end

function T.test_a_limit_is_for_its_paths_and_the_longest_wait_counts()
  local limits = prepared({ requests = 1, per = HOUR, burst = 0, paths = "/login" }, { requests = 1, per = 10, burst = 0 })
  local id = new_id()
  lu.assertNil(rate_limits.wait(limits, id, ONE, "/login", NOW))
  lu.assertAlmostEquals(rate_limits.wait(limits, id, ONE, "/login", NOW), HOUR, 60)
  lu.assertAlmostEquals(rate_limits.wait(limits, id, ONE, "/a", NOW), 10, 2)
end

function T.test_a_limit_that_changed_begins_anew()
  local id = new_id()
  local before, after = prepared({ requests = 1, per = HOUR, burst = 0 }), prepared({ requests = 2, per = HOUR, burst = 0 })
  rate_limits.wait(before, id, ONE, "/", NOW)
  lu.assertNotNil(rate_limits.wait(before, id, ONE, "/", NOW))
  lu.assertNil(rate_limits.wait(after, id, ONE, "/", NOW))
end

function T.test_a_memory_that_is_full_forgets_the_oldest_and_refuses_nobody()
  local limits, id = prepared({ requests = 1, per = HOUR, burst = 0 }), new_id()
  for number = 1, 300000 do
    local address = ("%08x"):format(number):gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end)
    lu.assertNil(rate_limits.wait(limits, id, address, "/", NOW))
  end
  -- Whatever their shape, new ones still find a place.
  lu.assertNil(rate_limits.wait(limits, id, ("\1"):rep(16), "/", NOW))
  lu.assertNotNil(rate_limits.wait(limits, id, ("\1"):rep(16), "/", NOW))
end

function T.test_what_is_no_limit_is_named()
  for _, limit in ipairs {
    1, { requests = 0, per = 1, burst = 0 }, { requests = 1, per = 0.5, burst = 0 }, { requests = 1, per = 1 },
    { requests = 1, per = 1, burst = -1 }, { requests = 1, per = 1, burst = 0, paths = {} },
  } do
    lu.assertEquals(rate_limits.fault { limit }, "limits.0")
  end
end

return T
