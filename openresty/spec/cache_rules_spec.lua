-- cache_rules.lua: which rule a path falls under, and which rules are none.
local cache_rules = require "cache_rules"
local lu = require "luaunit"

local T = {}

local function prepared(...)
  local cache = { rules = { ... } }
  lu.assertNil(cache_rules.fault(cache))
  return cache_rules.prepare(cache)
end

function T.test_the_first_matching_rule_counts()
  local cache = prepared({ extensions = "png jpg", ttl = 1 }, { paths = "/videos/* *.ts", ttl = 2 }, { ttl = 3 })
  for path, ttl in pairs {
    ["/a.png"] = 1, ["/a/b.JPG"] = 1, ["/videos/a.png"] = 1, ["/videos/a"] = 2, ["/a.ts"] = 2, ["/png"] = 3,
    ["/a.png/b"] = 3, ["/a.png.txt"] = 3, ["/"] = 3, ["/x.p%20ng"] = 3,
  } do
    lu.assertEquals(cache_rules.find(cache, path).ttl, ttl, path)
  end
end

function T.test_paths_and_extensions_must_both_match()
  local cache = prepared({ extensions = "png", paths = "/a/*" })
  lu.assertNotNil(cache_rules.find(cache, "/a/b.png"))
  lu.assertNil(cache_rules.find(cache, "/a/b.jpg"))
  lu.assertNil(cache_rules.find(cache, "/b.png"))
end

function T.test_no_rule_matches_when_none_does()
  lu.assertNil(cache_rules.find(prepared({ paths = "/videos/*" }), "/a"))
  lu.assertNil(cache_rules.find(prepared(), "/a"))
end

function T.test_what_is_no_rule_is_named()
  for fault, rule in pairs {
    ["cache.rules.0: is no object"] = 1, ["cache.rules.0: paths"] = { paths = {} },
    ["cache.rules.0: extensions"] = { extensions = "" }, ["cache.rules.0: ttl"] = { ttl = -1 },
    ["cache.rules.0: stale_if_error"] = { stale_if_error = 0.5 }, ["cache.rules.0: mode"] = { mode = "respect" },
    ["cache.rules.0: browser_ttl"] = { browser_ttl = "1" }, ["cache.rules.0: query"] = { query = { mode = "all" } },
    ["cache.rules.0: ttl_by_status"] = { ttl_by_status = { ["40x"] = 1 } },
  } do
    lu.assertEquals(cache_rules.fault { rules = { rule } }, fault)
  end
  lu.assertEquals(cache_rules.fault {}, "cache: no rules")
end

function T.test_what_look_ups_need_is_made_once()
  local rule = prepared({ ttl_by_status = { ["404"] = 1, ["5xx"] = 2 }, browser_ttl = 3, cookies = "a B",
    headers = "x-device-kind", query = { mode = "include", names = "a b[] %C3%A4" } }).rules[1]
  lu.assertEquals(rule.ttl_by_status, { [404] = 1, [5] = 2 })
  lu.assertEquals(rule.key_variables, { "cookie_a", "cookie_B", "http_x_device_kind" })
  lu.assertEquals(rule.query.names, { a = true, ["b[]"] = true, ["ä"] = true })
  lu.assertTrue(prepared({ browser_ttl = 3 }).tells_browsers)
  lu.assertNil(prepared({ ttl = 3 }).tells_browsers)
end

function T.test_types_hold_whatever_their_case()
  local rule = prepared({ content_types = "text/ image/png" }).rules[1]
  for _, content_type in ipairs { "text/html", "TEXT/css; charset=x", "image/png" } do
    lu.assertTrue(cache_rules.holds(rule, content_type))
  end
  lu.assertFalse(cache_rules.holds(rule, "image/jpeg"))
  lu.assertFalse(cache_rules.holds(rule, nil))
  lu.assertTrue(cache_rules.holds(prepared({}).rules[1], nil))
end

return T
