-- challenges.lua on the real dict: by token, the newest record of an id, and nothing that is no such record.
local challenges = require "challenges"
local cjson = require "cjson.safe"
local facts = require "facts"
local lu = require "luaunit"

local ONE, OTHER = "0b9e5a36-7f2b-4c8e-9d53-00000000000a", "0b9e5a36-7f2b-4c8e-9d53-00000000000b"
local PATH = "/.well-known/acme-challenge/"
local HASH = ("a"):rep(64)

local rev = 0

local function body(token, key_authorization)
  return cjson.encode { format = 1, token = token, key_authorization = key_authorization or token .. ".thumb" }
end

local function put(id, text, at)
  rev = at or rev + 1
  return challenges.put { kind = "challenge", id = id, rev = rev, op = "put", hash = HASH, body = text }
end

local function remove(id, at)
  rev = at or rev + 1
  challenges.remove { kind = "challenge", id = id, rev = rev, op = "del", hash = HASH, body = "" }
end

local function begin()
  challenges.clear()
  rev = rev + 1000
end

local function found(token) return challenges.find(PATH .. token) end

local T = {}

function T.test_an_answer_is_found_by_its_token_until_it_is_taken_away()
  begin()
  lu.assertTrue(put(ONE, body("token_One-1")))
  lu.assertTrue(put(OTHER, body("token_Two-2")))
  lu.assertEquals(found("token_One-1"), "token_One-1.thumb")
  remove(ONE)
  lu.assertNil(found("token_One-1"))
  lu.assertEquals(found("token_Two-2"), "token_Two-2.thumb")
end

function T.test_a_record_has_one_token_at_a_time()
  begin()
  put(ONE, body("first"))
  put(ONE, body("second"))
  lu.assertNil(found("first"))
  lu.assertEquals(found("second"), "second.thumb")
end

function T.test_the_same_again_changes_nothing()
  begin()
  put(ONE, body("same"))
  lu.assertTrue(put(ONE, body("same"), rev))
  lu.assertEquals(found("same"), "same.thumb")
end

function T.test_an_older_record_of_the_same_feed_changes_nothing()
  begin()
  put(ONE, body("newer"))
  local newest = rev
  lu.assertTrue(put(ONE, body("older"), newest - 1))
  remove(ONE, newest - 1)
  lu.assertNil(found("older"))
  lu.assertEquals(found("newer"), "newer.thumb")
  facts.take_feed("another " .. newest)
  lu.assertTrue(put(ONE, body("anew"), 1))
  lu.assertEquals(found("anew"), "anew.thumb")
  rev = newest
end

function T.test_a_token_that_two_records_name_is_the_later_ones()
  begin()
  put(ONE, body("shared", "one"))
  put(OTHER, body("shared", "other"))
  remove(ONE)
  lu.assertEquals(found("shared"), "other")
end

function T.test_only_the_path_of_a_token_asks()
  begin()
  put(ONE, body("token"))
  for _, path in ipairs {
    "", "/", "/.", "/token", PATH, PATH .. "token/", PATH .. "tokens", PATH .. "toke", PATH .. "Token", PATH .. "token\0",
    PATH .. "/token", "/x" .. PATH .. "token", "/.well-known/acme-challenge", "/.well_known/acme-challenge/token",
    "//.well-known/acme-challenge/token", PATH .. "loaded", PATH .. ("x"):rep(129), PATH .. ("x"):rep(100000),
  } do lu.assertNil(challenges.find(path), path) end
  lu.assertEquals(found("token"), "token.thumb")
end

function T.test_the_longest_that_may_be_is_found_whole()
  begin()
  local token, answer = ("t"):rep(128), ("a"):rep(300)
  lu.assertTrue(put(ONE, body(token, answer)))
  lu.assertEquals(found(token), answer)
end

function T.test_what_is_no_such_record_is_refused_and_changes_nothing()
  begin()
  put(ONE, body("good"))
  for _, text in ipairs {
    "", "[]", "{", '"x"', "{}", cjson.encode { format = 2, token = "a", key_authorization = "b" },
    cjson.encode { format = 1, token = "a" }, cjson.encode { format = 1, key_authorization = "b" },
    cjson.encode { format = 1, token = 1, key_authorization = "b" }, body(("t"):rep(129)), body("t", ("a"):rep(301)),
    body("", "x"), body("t", ""), body("a/b"), body("a b"), body("a.b"), body("a%2fb"), body("../a"), body("a\nb"),
    body("t", "a\r\nX-Evil: 1"), body("t", "<script>"), body("t", "a\0b"),
  } do
    local ok, message = put(ONE, text)
    lu.assertNil(ok, text)
    lu.assertNotNil(message)
  end
  lu.assertEquals(found("good"), "good.thumb")
end

function T.test_when_the_memory_is_full_what_is_there_stays_and_says_so()
  begin()
  local last, message = 0, nil
  for number = 1, 200000 do
    local ok
    ok, message = put(("%08x-0000-4000-8000-000000000000"):format(number), body("full-" .. number, ("a"):rep(300)))
    if not ok then break end
    last = number
  end
  lu.assertStrContains(message, "the memory for challenges")
  lu.assertTrue(last >= 10000, "only " .. last .. " fit")
  lu.assertNotNil(found("full-1"))
  lu.assertNotNil(found("full-" .. last))
  lu.assertNil(found("full-" .. last + 1))
  remove("00000001-0000-4000-8000-000000000000")
  lu.assertNil(found("full-1"))
  lu.assertTrue(put(ONE, body("again")))
  challenges.clear()
end

return T
