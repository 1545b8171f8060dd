-- cache_key.lua: no two requests that may get different answers have one key.
local cache_key = require "cache_key"
local lu = require "luaunit"

local T = {}

local ID = "c0ffee00-0000-4000-8000-000000000001"
local DAY = 86400

local function key(var, variables, target, scheme)
  var.scheme, var.host = var.scheme or "http", var.host or "a.test"
  target = target or "/"
  return cache_key.of(var, ID, target, target:match("^[^?]*"), variables and { key_variables = variables }, scheme)
end

-- Without the era, which is of today.
local function behind_era(text) return (text:gsub("|%d+", "", 1)) end

function T.test_distribution_epoch_scheme_host_and_target_are_in_it()
  lu.assertEquals(behind_era(key({})), ID .. "|0|http|a.test/")
  lu.assertEquals(behind_era(key({ scheme = "https", host = "b.test" }, nil, "/x?y")), ID .. "|0|https|b.test/x?y")
end

function T.test_what_another_edge_knows_of_purges_is_in_it_and_is_left_for_the_inner_hop()
  local var = { edge_min_epoch = "1700000000123" }
  lu.assertEquals(behind_era(key(var, nil, "/", "http")), ID .. "|1700000000123|http|a.test/")
  lu.assertEquals(var.edge_epoch, "1700000000123")
  -- What a child's viewer has changed is changed for the parent, too.
  var = { edge_min_epoch = "1700000000123+77" }
  lu.assertEquals(behind_era(key(var, nil, "/", "http")), ID .. "|1700000000123+77|http|a.test/")
  lu.assertEquals(var.edge_epoch, "1700000000123+77")
end

function T.test_an_era_lasts_a_month_and_each_target_has_its_own_begin()
  math.randomseed(3)
  local begins = {}
  for number = 1, 200 do
    local target, now = "/" .. number, math.random(1, 10 ^ 9)
    local era = cache_key.era(target, now)
    lu.assertEquals(cache_key.era(target, now + 30 * DAY), era + 1)
    lu.assertTrue(cache_key.era(target, now + 1) - era <= 1)
    begins[math.floor(ngx.crc32_long(target) % (30 * DAY) / DAY)] = true
  end
  local days = 0
  for _ in pairs(begins) do days = days + 1 end
  lu.assertTrue(days > 25)
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
