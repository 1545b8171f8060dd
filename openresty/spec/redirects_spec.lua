-- redirects.lua: what matches, and where it leads.
local lu = require "luaunit"
local redirects = require "redirects"

local T = {}

local function prepared(...)
  local list = { ... }
  for _, redirect in ipairs(list) do redirect.status = redirect.status or 301 end
  lu.assertNil(redirects.fault(list))
  redirects.prepare(list)
  return list
end

local function location(redirect, path, query)
  local found, splat = redirects.find(prepared(redirect), path)
  return found and redirects.location(found, splat, query or "")
end

function T.test_a_source_is_one_path_or_all_that_begin_like_it()
  local list = prepared({ source = "/a", target = "/1" }, { source = "/a*", target = "/2" }, { source = "/b/*", target = "/3" })
  for path, target in pairs { ["/a"] = "/1", ["/ab"] = "/2", ["/a/"] = "/2", ["/b/"] = "/3", ["/b/c"] = "/3" } do
    lu.assertEquals(redirects.find(list, path).target, target, path)
  end
  for _, path in ipairs { "/", "/b", "/c/a", "/A" } do lu.assertNil((redirects.find(list, path))) end
end

function T.test_splat_is_what_the_star_stood_for()
  local blog = { source = "/blog/*", target = "https://blog.example.com/:splat" }
  lu.assertEquals(location(blog, "/blog/2020/a%20b"), "https://blog.example.com/2020/a%20b")
  lu.assertEquals(location(blog, "/blog/"), "https://blog.example.com/")
  lu.assertEquals(location({ source = "/x/*", target = "/:splat/y/:splat#f" }, "/x/1"), "/1/y/1#f")
  lu.assertEquals(location({ source = "/x/*", target = "/go?to=:splat&a=1" }, "/x/1&a=2+3;%26"), "/go?to=1%26a%3D2%2B3%3B%26&a=1")
end

function T.test_the_query_is_kept_where_it_should_be_and_before_the_fragment()
  for expected, redirect in pairs {
    ["/b"] = { source = "/a", target = "/b" }, ["/b?x=1&y"] = { source = "/a", target = "/b", keep_query = true },
    ["/b?c&x=1&y#d?e"] = { source = "/a", target = "/b?c#d?e", keep_query = true },
    ["/b?x=1&y#d?e"] = { source = "/a", target = "/b#d?e", keep_query = true },
  } do
    lu.assertEquals(location(redirect, "/a", "?x=1&y"), expected)
  end
  lu.assertEquals(location({ source = "/a", target = "/b", keep_query = true }, "/a", "?"), "/b")
end

function T.test_no_path_leads_to_another_host()
  for _, path in ipairs { "/go//evil.test", "/go///evil.test/a", "/go/%2E//evil.test" } do
    local to = location({ source = "/go/*", target = "/:splat" }, path)
    lu.assertStrMatches(to, "/[^/\\\\].*")
  end
  lu.assertEquals(location({ source = "/go*", target = "/:splat" }, "/go/evil.test"), "/evil.test")
  lu.assertEquals(location({ source = "/go*", target = "https://a.test/:splat" }, "/go@evil.test"), "https://a.test/@evil.test")
end

function T.test_what_is_no_redirect_is_named()
  for fault, redirect in pairs {
    ["redirects.0: is no object"] = 1, ["redirects.0: source"] = { source = "a*" },
    ["redirects.0: target"] = { source = "/a", target = "https://a.test:splat" },
    ["redirects.0: status"] = { source = "/a", target = "/b", status = 200 },
  } do
    lu.assertEquals(redirects.fault { redirect }, fault)
  end
  for _, target in ipairs { "", "b", "javascript:alert(1)", "/a\r\nX: y", "/a b", "\\\\evil.test", "ftp://a/" } do
    lu.assertEquals(redirects.fault { { source = "/a", target = target, status = 301 } }, "redirects.0: target")
  end
end

return T
