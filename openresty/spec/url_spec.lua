-- url.lua: one spelling of a target, or none.
local lu = require "luaunit"
local url = require "url"

local T = {}

function T.test_plain_targets_are_themselves()
  for _, target in ipairs { "/", "/a/b.css?x=1&y=%20", "/a//b", "/.well-known/x", "/a;b=1/@x:y", "/...", "/?", "/a?b?c" } do
    lu.assertEquals(url.canonical(target), target)
  end
end

function T.test_the_path_comes_without_its_query()
  local _, path = url.canonical("/a/b.css?x=/../")
  lu.assertEquals(path, "/a/b.css")
end

function T.test_escapes_of_unreserved_characters_are_undone_and_the_others_in_upper_case()
  lu.assertEquals({ url.canonical("/%61%2d%7E/%c3%a4?q=%61") }, { "/a-~/%C3%A4?q=%61", "/a-~/%C3%A4" })
end

function T.test_raw_bytes_are_escaped()
  lu.assertEquals((url.canonical("/ä\"<>")), "/%C3%A4%22%3C%3E")
  lu.assertEquals((url.canonical("/a?ü")), "/a?%C3%BC")
end

function T.test_what_servers_read_differently_is_refused()
  for _, target in ipairs { "", "*", "a", "/%2f", "/%2F", "/a%5Cb", "/a\\b", "/%00", "/a/../b", "/a/./b", "/..", "/.",
    "/%2e%2e/x", "/a/%2E./b", "/%", "/%zz", "/%6" } do
    lu.assertNil((url.canonical(target)), target)
  end
end

function T.test_the_canonical_spelling_is_stable()
  for _, target in ipairs { "/%7e/%E4?x=%7e", "/a b", "/%41%ff" } do
    local once = url.canonical(target)
    lu.assertEquals((url.canonical(once)), once)
  end
end

return T
