-- patterns.lua: what a text with `*` matches.
local lu = require "luaunit"
local patterns = require "patterns"

local T = {}

local function assert_matches(pattern, texts, wanted)
  local compiled = patterns.compile(pattern)
  for _, text in ipairs(texts) do lu.assertEquals(patterns.matches(compiled, text), wanted, pattern .. " on " .. text) end
end

function T.test_a_text_without_a_star_is_itself_alone()
  assert_matches("/a.css", { "/a.css" }, true)
  assert_matches("/a.css", { "/a.css/", "/aXcss", "/b/a.css", "" }, false)
end

function T.test_a_star_is_any_run_of_characters()
  assert_matches("/a/*", { "/a/", "/a/b", "/a/b/c.d", "/a/*" }, true)
  assert_matches("/a/*", { "/a", "/b/a/", "" }, false)
  assert_matches("*.jpg", { ".jpg", "/a.jpg", "/a/b.jpg.jpg" }, true)
  assert_matches("*.jpg", { "/a.jpg/", "/ajpg", "" }, false)
  assert_matches("*", { "", "/", "/anything" }, true)
  assert_matches("/a/*/c/*.ts", { "/a/b/c/d.ts", "/a//c/.ts", "/a/c/c/c/.ts" }, true)
  assert_matches("/a/*/c/*.ts", { "/a/c/d.ts", "/a/b/c/d.tsx", "/a/b/d/e.ts" }, false)
  assert_matches("**a**", { "a", "xax" }, true)
  assert_matches("**a**", { "", "b" }, false)
end

function T.test_pieces_do_not_overlap()
  assert_matches("/ab*ba", { "/abba", "/abXba" }, true)
  assert_matches("/ab*ba", { "/aba" }, false)
  assert_matches("a*a*a", { "aaa", "aXaXa" }, true)
  assert_matches("a*a*a", { "aa", "a" }, false)
  assert_matches("*ab*ab", { "abab" }, true)
  assert_matches("*ab*ab", { "ab" }, false)
end

function T.test_nothing_but_the_star_is_special()
  assert_matches("/%d+[a].?", { "/%d+[a].?" }, true)
  assert_matches("*%d*", { "/a%d" }, true)
  assert_matches("*%d*", { "/a1" }, false)
  assert_matches("/.*$", { "/." .. "$" }, true)
  assert_matches("/.*$", { "/ab" }, false)
end

function T.test_of_a_list_one_is_enough_and_no_list_is_everything()
  local list = patterns.compile_list("/a/* *.css")
  lu.assertTrue(patterns.any_matches(list, "/a/b"))
  lu.assertTrue(patterns.any_matches(list, "/b.css"))
  lu.assertFalse(patterns.any_matches(list, "/b"))
  lu.assertTrue(patterns.any_matches(patterns.compile_list(nil), "/b"))
end

return T
