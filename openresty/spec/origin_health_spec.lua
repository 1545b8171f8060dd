-- origin_health.lua: when an address is passed over, and when it is asked again.
local health = require "origin_health"
local lu = require "luaunit"

local dict = ngx.shared.origin_health
local ADDRESS = "192.0.2.1"

-- As if the time of its being out were over.
local function let_in(id) dict:delete("out|" .. id .. "|" .. ADDRESS) end
local function out_for(id) return math.ceil(dict:ttl("out|" .. id .. "|" .. ADDRESS) or 0) end
local function is_out(id) return health.is_out(id, ADDRESS) and true or false end
local function fail(id, times) for _ = 1, times do health.failed(id, ADDRESS) end end
local function answer(id, times) for _ = 1, times do health.answered(id, ADDRESS) end end

local T = {}

function T.test_three_failures_in_a_row_put_it_out()
  fail("row", 2)
  lu.assertFalse(is_out "row")
  fail("row", 1)
  lu.assertTrue(is_out "row")
  lu.assertFalse(health.is_out("row", "192.0.2.2") and true or false)
end

function T.test_an_answer_in_between_begins_the_count_anew()
  fail("between", 2)
  answer("between", 1)
  fail("between", 2)
  lu.assertFalse(is_out "between")
end

function T.test_after_its_while_one_failure_is_enough_and_the_while_doubles_up_to_a_bound()
  fail("again", 3)
  for _, seconds in ipairs { 10, 20, 40, 80, 80 } do
    lu.assertEquals(out_for "again", seconds)
    let_in "again"
    fail("again", 1)
  end
end

function T.test_two_answers_in_a_row_end_its_probation()
  fail("better", 3)
  let_in "better"
  answer("better", 2)
  fail("better", 2)
  lu.assertFalse(is_out "better")
end

function T.test_one_answer_does_not()
  fail("almost", 3)
  let_in "almost"
  answer("almost", 1)
  fail("almost", 1)
  lu.assertTrue(is_out "almost")
end

function T.test_what_is_asked_while_out_because_there_is_no_other_counts_for_its_return_alone()
  fail("only", 5)
  lu.assertEquals(out_for "only", 10)
  answer("only", 2)
  lu.assertFalse(is_out "only")
end

function T.test_the_word_of_the_checks_counts_for_a_while()
  health.set_ill("checked", 30)
  lu.assertTrue(is_out "checked")
  lu.assertEquals(math.ceil(dict:ttl "ill|checked"), 30)
  health.set_well "checked"
  lu.assertFalse(is_out "checked")
end

return T
