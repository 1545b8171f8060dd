-- cache_key.lua: no two requests that may get different answers have one key.
local cache_key = require "cache_key"
local lu = require "luaunit"

local T = {}

local function key(var, variables, target)
  var.scheme, var.host = var.scheme or "http", var.host or "a.test"
  return cache_key.of(var, "id", target or "/", variables and { key_variables = variables })
end

function T.test_scheme_host_and_target_are_in_it()
  lu.assertEquals(key({}), "id|http|a.test/")
  lu.assertEquals(key({ scheme = "https", host = "b.test" }, nil, "/x?y"), "id|https|b.test/x?y")
end

function T.test_values_cannot_pass_for_others()
  local names, seen = { "cookie_a", "http_b" }, {}
  for _, var in ipairs {
    {}, { cookie_a = "" }, { http_b = "" }, { cookie_a = "", http_b = "" }, { cookie_a = "1" }, { http_b = "1" },
    { cookie_a = "0:" }, { cookie_a = "1", http_b = "1" }, { cookie_a = "11" }, { cookie_a = "1:1:1" },
  } do
    local one = key(var, names)
    lu.assertNil(seen[one])
    seen[one] = true
  end
end

function T.test_what_is_not_named_does_not_count()
  lu.assertEquals(key({ cookie_a = "1", cookie_b = "2" }, { "cookie_a" }), key({ cookie_a = "1" }, { "cookie_a" }))
end

return T
