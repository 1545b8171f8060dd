-- health_checks.lua, health_check.lua, check_roster.lua: hysteresis, what is read of an answer, the list and its leader.
local health_check = require "health_check"
local health_checks = require "health_checks"
local lu = require "luaunit"
local roster = require "check_roster"

local checks = ngx.shared.checks

local function target(is_ill)
  return { server = { id = "t", check = { healthy_after = 2, unhealthy_after = 3 } }, good = 0, bad = 0, is_ill = is_ill }
end

-- Which of the findings (`+` well, `-` ill) changed its health.
local function changes(is_ill, findings)
  local one, found = target(is_ill), {}
  for place = 1, #findings do
    if health_checks.take(one, findings:sub(place, place) == "+") then found[#found + 1] = place end
  end
  return found
end

local T = {}

function T.test_health_changes_after_so_many_findings_in_a_row_alone()
  lu.assertEquals(changes(false, "--+--+---"), { 9 })
  lu.assertEquals(changes(true, "+-+-++"), { 6 })
  lu.assertEquals(changes(false, "---++---"), { 3, 5, 8 })
  lu.assertEquals(changes(false, "++++"), {})
  lu.assertEquals(changes(true, "-----"), {})
end

function T.test_the_status_of_an_answer()
  lu.assertEquals(health_check.status_in "HTTP/1.1 204 No Content\r\n", 204)
  lu.assertEquals(health_check.status_in "HTTP/1.0 200\r\n", 200)
  lu.assertEquals(health_check.status_in "HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 503 No\r\n", 503)
  for _, text in ipairs { "", "HT", "HTTP/1.1 20", "HTTP/1.1 103 Early\r\nLink: a\r\n", "HTTP/1.1 100 Go\r\n\r\n" } do
    lu.assertNil(health_check.status_in(text))
  end
  for _, text in ipairs { "SSH-2.0-x", "HTTP/2 200 OK\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 abc def\r\n" } do
    lu.assertFalse(health_check.status_in(text))
  end
end

local function id(number) return ("0b9e5a36-0000-4c8e-9d53-%012x"):format(number) end

function T.test_the_list_takes_and_gives_back_whom_it_is_told()
  for number = 1, 3000 do roster.note(id(number), true) end
  for number = 1, 3000, 2 do roster.note(id(number), false) end
  roster.note(id(2), true)
  local ids = roster.ids()
  for number = 1, 3000 do lu.assertEquals(ids[id(number)] or false, number % 2 == 0) end
  for number = 2, 3000, 2 do roster.note(id(number), false) end
  ids = roster.ids()
  for number = 1, 3000 do lu.assertNil(ids[id(number)]) end
end

function T.test_one_worker_leads_until_it_resigns_or_falls_silent()
  checks:delete "leader"
  lu.assertTrue(roster.is_led_by(1, 60))
  lu.assertFalse(roster.is_led_by(2, 60))
  lu.assertTrue(roster.is_led_by(1, 60))
  roster.resign(2)
  lu.assertFalse(roster.is_led_by(2, 60))
  roster.resign(1)
  lu.assertTrue(roster.is_led_by(2, 60))
  checks:delete "leader"
end

return T
