-- cache_control.lua: both grammars, with what servers really send.
local cache_control = require "cache_control"
local lu = require "luaunit"

local parse, parse_targeted = cache_control.parse, cache_control.parse_targeted

local T = {}

function T.test_directives_with_and_without_arguments()
  lu.assertEquals(parse("max-age=60, must-revalidate"), { ["max-age"] = "60", ["must-revalidate"] = true })
  lu.assertEquals(parse("MAX-AGE=60 ,Public"), { ["max-age"] = "60", public = true })
  lu.assertEquals(parse('private="set-cookie, x", max-age="5"'), { private = "set-cookie, x", ["max-age"] = "5" })
  lu.assertEquals(parse(""), {})
  lu.assertEquals(parse(",, ,"), {})
end

function T.test_of_two_equal_directives_the_first_counts()
  lu.assertEquals(parse("max-age=1, max-age=2")["max-age"], "1")
end

function T.test_an_unclosed_quote_takes_the_rest()
  lu.assertEquals(parse('ext="a, max-age=1'), { ext = "a, max-age=1" })
end

function T.test_a_directive_with_rubbish_behind_it_is_false()
  lu.assertEquals(parse("no-store x")["no-store"], false)
end

function T.test_seconds()
  lu.assertEquals(cache_control.seconds("60"), 60)
  lu.assertEquals(cache_control.seconds("99999999999"), 2147483648)
  for _, text in ipairs { "", "-1", "1.5", "1 2", "a" } do lu.assertNil(cache_control.seconds(text), text) end
  lu.assertNil(cache_control.seconds(true))
end

function T.test_targeted_values_are_typed()
  lu.assertEquals(parse_targeted("max-age=60, no-store, x=?1;p=2, t=tok, s=\"q\""),
    { ["max-age"] = 60, ["no-store"] = true, x = "?1", t = "tok", s = '"q"' })
  lu.assertEquals(parse_targeted("max-age=1.5")["max-age"], "1.5")
end

function T.test_a_malformed_targeted_field_does_not_count_at_all()
  for _, text in ipairs { "", "Max-Age=60", "max-age=60,", "max-age=", "max-age=60 no-store", "a=&" } do
    lu.assertNil(parse_targeted(text), text)
  end
end

return T
