-- clock.lua: never backwards, never still.
local clock = require "clock"
local lu = require "luaunit"

local edge = ngx.shared.edge
local DAY, YEAR = 86400, 365 * 86400

local T = {}

-- A test begins at the beginning of time, and leaves the edge's own as it was.
local function alone(test)
  return function()
    local seen, lead = edge:get("clock"), edge:get("clock_lead")
    edge:set("clock", 0)
    edge:delete("clock_lead")
    local ok, fault = pcall(test)
    edge:set("clock", seen)
    edge:set("clock_lead", lead)
    if not ok then error(fault, 0) end
  end
end

function T.test_it_goes_with_the_machines()
  for _, wall in ipairs { 1000, 1001, 5000, 5000 + YEAR } do lu.assertEquals(clock.at(wall), wall) end
end

function T.test_a_worker_that_is_behind_changes_nothing()
  clock.at(1000)
  lu.assertEquals(clock.at(990), 1000)
  lu.assertEquals(clock.at(1001), 1001)
  lu.assertNil(edge:get("clock_lead"))
end

function T.test_a_machine_put_right_does_not_take_it_back_and_it_goes_on_at_once()
  clock.at(DAY + YEAR)
  lu.assertEquals(clock.at(DAY), DAY + YEAR)
  lu.assertEquals(clock.at(DAY + 5), DAY + YEAR + 5)
  lu.assertEquals(clock.at(31 * DAY), 31 * DAY + YEAR)
  -- Put back once more.
  lu.assertEquals(clock.at(20 * DAY), 31 * DAY + YEAR)
  lu.assertEquals(clock.at(20 * DAY + 9), 31 * DAY + YEAR + 9)
end

function T.test_a_machine_that_has_caught_up_is_believed_again()
  clock.at(1000)
  clock.at(10)
  lu.assertEquals(clock.at(2000), 2000)
  lu.assertEquals(clock.at(1995), 2000)
  lu.assertEquals(clock.at(2100), 2100)
end

function T.test_whatever_the_machine_says_it_rises()
  math.randomseed(7)
  local before = 0
  for _ = 1, 20000 do
    local reading = clock.at(math.random(0, 3) == 0 and math.random(0, 2 * YEAR) or math.random(YEAR, YEAR + 1000))
    lu.assertTrue(reading >= before)
    before = reading
  end
end

function T.test_the_disk_is_believed_when_it_is_ahead()
  clock.at(1000)
  lu.assertTrue(clock.take("900\n"))
  lu.assertEquals(clock.at(1001), 1001)
  lu.assertTrue(clock.take("500000\n"))
  lu.assertEquals(clock.at(1002), 500000)
  lu.assertEquals(clock.at(1100), 500098)
  lu.assertTrue(clock.take(nil))
end

function T.test_what_is_no_reading_is_not_believed()
  for _, text in ipairs { "", "\n", "12", "-5\n", "1e9\n", "5 6\n", ("9"):rep(12) .. "\n", "x\n" } do
    lu.assertNil((clock.take(text)))
  end
  lu.assertEquals(clock.at(7), 7)
end

for name, test in pairs(T) do T[name] = alone(test) end

return T
