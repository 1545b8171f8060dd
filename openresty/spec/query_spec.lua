-- query.lua: what a rule keeps of a query.
local lu = require "luaunit"
local query = require "query"

local T = {}

local function kept(mode, names, text)
  local listed = {}
  for _, name in ipairs(names) do listed[name] = true end
  return query.kept({ mode = mode, names = listed }, text)
end

function T.test_without_a_rule_all_is_kept_as_it_came()
  for _, text in ipairs { "", "?", "?b=1&a=2&&", "?a?b" } do lu.assertEquals(query.kept(nil, text), text) end
end

function T.test_none()
  lu.assertEquals(kept("none", {}, "?a=1"), "")
end

function T.test_include_keeps_what_is_named_in_the_order_of_names()
  lu.assertEquals(kept("include", { "a", "b" }, "?c=3&b=2&a=1"), "?a=1&b=2")
  lu.assertEquals(kept("include", { "a" }, "?A=1&aa=2&a"), "?a")
  lu.assertEquals(kept("include", { "a" }, "?b=1"), "")
  lu.assertEquals(kept("include", { "a" }, "?"), "")
  lu.assertEquals(kept("include", { "a" }, "?a=1=2&a==&a=?"), "?a=1=2&a==&a=?")
end

function T.test_exclude_keeps_the_rest()
  lu.assertEquals(kept("exclude", { "utm" }, "?z=1&utm=2&b=3&utm&"), "?b=3&z=1")
end

function T.test_equal_names_stay_in_their_order()
  lu.assertEquals(kept("exclude", {}, "?b=2&a=9&b=1&a=0"), "?a=9&a=0&b=2&b=1")
end

function T.test_names_are_compared_as_programs_know_them()
  lu.assertEquals(kept("include", { "b[]", "a b", "\195\164" }, "?b%5b%5D=1&a+b=2&a%20b=3&%C3%A4=4&c=5"),
    "?a+b=2&a%20b=3&b%5b%5D=1&%C3%A4=4")
end

function T.test_a_query_of_thousands_is_cut_in_no_time()
  local parts = {}
  for index = 1, 4000 do parts[index] = ("%04d="):format(4000 - index) end
  local text = kept("exclude", { "0000" }, "?" .. table.concat(parts, "&"))
  lu.assertStrContains(text, "?3900=&3901=")
  lu.assertEquals(#text, 3999 * 6)
  -- What was left from the long one does not show.
  lu.assertEquals(kept("exclude", {}, "?b=1"), "?b=1")
end

return T
