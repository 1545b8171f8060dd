-- Who leads, who is let go, and who is sent back to look again. Requests are tables of variables here; luaunit lets nobody
-- wait, so waiting is tested from outside (openresty/collapse.test.ts).
local collapse = require "collapse"
local lu = require "luaunit"

local T = {}
local count = 0

local function new_key()
  count = count + 1
  return "spec|" .. ngx.now() .. "|" .. count
end

local function a_request(fields)
  local var = fields or {}
  var.edge_flight = ""
  return var
end

local function part_of(var) return var.edge_flight:sub(1, 1) end

-- Enters as one that has waited already for as long as anybody may.
local function enter_tired(var, key) return collapse.enter(var, key, 0, 5) end

function T.test_the_first_leads_and_enters_once()
  local var = a_request()
  lu.assertFalse(collapse.enter(var, new_key(), 0, 0))
  local flight = var.edge_flight
  lu.assertEquals(part_of(var), "?")
  lu.assertFalse(collapse.enter(var, new_key(), 0, 0))
  lu.assertEquals(var.edge_flight, flight)
end

function T.test_who_comes_right_after_the_answer_has_landed_is_sent_back()
  local key, leader, other = new_key(), a_request(), a_request()
  collapse.enter(leader, key, 0, 0)
  collapse.answered(leader, true)
  collapse.finish(leader, key)
  lu.assertTrue(collapse.enter(other, key, 0, 0))
  lu.assertEquals(other.edge_flight, "")
end

function T.test_a_name_in_vary_that_reads_as_hexadecimal_is_no_part_of_the_flight()
  for _, vary in ipairs { "Accept-Language", "Cookie", "DE", "X-Kind" } do
    local key, leader, other = new_key(), a_request(), a_request()
    collapse.enter(leader, key, 0, 0)
    collapse.answered(leader, true, vary)
    collapse.finish(leader, key)
    lu.assertTrue(collapse.enter(other, key, 0, 0), vary)
  end
end

function T.test_nobody_waits_for_what_is_not_kept_until_it_is_kept_after_all()
  local key, leader, other, later = new_key(), a_request(), a_request(), a_request()
  collapse.enter(leader, key, 0, 0)
  collapse.answered(leader, false)
  lu.assertFalse(collapse.enter(other, key, 0, 0))
  lu.assertEquals(part_of(other), "-")
  lu.assertFalse(collapse.enter(later, key, 0, 0))
  lu.assertEquals(part_of(later), "-")
  collapse.answered(later, true)
  local next_one = a_request()
  collapse.enter(next_one, key, 0, 0)
  lu.assertEquals(part_of(next_one), "?")
end

function T.test_nobody_waits_beyond_his_time_and_who_came_late_gives_up_alone()
  local key, leader, tired = new_key(), a_request(), a_request()
  collapse.enter(leader, key, 0, 0)
  lu.assertFalse(enter_tired(tired, key))
  lu.assertEquals(part_of(tired), "-")
  lu.assertEquals(ngx.shared.flights:get(leader.edge_flight:sub(2)), ngx.worker.pid())
end

function T.test_what_never_reaches_those_who_were_sent_back_is_not_waited_for_again()
  local key, leader, returned, other = new_key(), a_request(), a_request(), a_request()
  collapse.enter(leader, key, 0, 0)
  collapse.answered(leader, true)
  collapse.finish(leader, key)
  lu.assertFalse(collapse.enter(returned, key, 6, 0))
  lu.assertFalse(collapse.enter(other, key, 0, 0))
  lu.assertEquals({ part_of(returned), part_of(other) }, { "-", "-" })
end

function T.test_a_renewal_ends_no_pass_for_it_may_not_have_said_for_how_long()
  local key, leader, renewing, later = new_key(), a_request(), a_request(), a_request()
  collapse.enter(leader, key, 0, 0)
  collapse.answered(leader, false)
  collapse.enter(renewing, key, 0, 0)
  collapse.answered(renewing, true, nil, true)
  collapse.enter(later, key, 0, 0)
  lu.assertEquals(part_of(later), "-")
end

function T.test_a_leader_that_comes_to_nothing_lets_others_go()
  local key, leader, other = new_key(), a_request(), a_request()
  collapse.enter(leader, key, 0, 0)
  collapse.finish(leader, key)
  lu.assertFalse(collapse.enter(other, key, 0, 0))
  lu.assertEquals(part_of(other), "-")
end

function T.test_a_leader_that_is_made_anew_hands_over()
  local key, leader, other = new_key(), a_request(), a_request()
  collapse.enter(leader, key, 0, 0)
  collapse.abandon(leader)
  collapse.enter(other, key, 0, 0)
  lu.assertEquals(part_of(other), "?")
end

function T.test_variants_lead_apart_once_they_are_known()
  local key = new_key()
  local one, same, another = a_request { http_x_kind = "1" }, a_request { http_x_kind = "1" }, a_request { http_x_kind = "2" }
  collapse.enter(one, key, 0, 0)
  collapse.answered(one, true, "X-Kind")
  collapse.finish(one, key)
  lu.assertTrue(collapse.enter(same, key, 0, 0))
  lu.assertFalse(collapse.enter(another, key, 0, 0))
  lu.assertEquals(part_of(another), "?")
end

function T.test_credentials_gather_apart()
  local key = new_key()
  local plain, authorized = a_request(), a_request { http_authorization = "Basic YTpi" }
  collapse.enter(plain, key, 0, 0)
  collapse.enter(authorized, key, 0, 0)
  lu.assertEquals(part_of(authorized), "?")
end

function T.test_who_came_back_often_enough_asks_by_himself()
  local key, leader, other = new_key(), a_request(), a_request()
  collapse.enter(leader, key, 0, 0)
  lu.assertFalse(collapse.enter(other, key, 8, 0))
  lu.assertEquals(part_of(other), "-")
end

return T
