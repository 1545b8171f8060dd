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
    ["cache.rules.0: stale_if_error"] = { stale_if_error = 0.5 },
  } do
    lu.assertEquals(cache_rules.fault { rules = { rule } }, fault)
  end
  lu.assertEquals(cache_rules.fault {}, "cache: no rules")
end

return T
