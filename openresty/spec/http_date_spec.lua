-- http_date.lua: the three forms of RFC 9110 § 5.6.7, and what only looks like one.
local http_date = require "http_date"
local lu = require "luaunit"

local NOV_6_1994 = 784111777

local T = {}

function T.test_all_three_forms_are_one_moment()
  lu.assertEquals(http_date.parse("Sun, 06 Nov 1994 08:49:37 GMT"), NOV_6_1994)
  lu.assertEquals(http_date.parse("Sunday, 06-Nov-94 08:49:37 GMT"), NOV_6_1994)
  lu.assertEquals(http_date.parse("Sun Nov  6 08:49:37 1994"), NOV_6_1994)
end

function T.test_what_is_no_date_is_nil()
  for _, text in ipairs { "", "0", "-1", "tomorrow", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Foo 1994 08:49:37 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT" } do
    lu.assertNil(http_date.parse(text), text)
  end
  lu.assertNil(http_date.parse(nil))
end

function T.test_a_two_digit_year_is_of_the_past_when_it_would_be_far_ahead()
  local year = tonumber(os.date("!%Y"))
  local ahead = ("%02d"):format((year + 51) % 100)
  lu.assertTrue(http_date.parse("Sunday, 06-Nov-" .. ahead .. " 08:49:37 GMT") < ngx.time())
end

return T
