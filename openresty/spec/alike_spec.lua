-- alike.lua on the real dict: in whose words a request may be looked up. Requests are header lines that the spec sets.
local alike = require "alike"
local collapse = require "collapse"
local lu = require "luaunit"

local get_headers, set_header = ngx.req.get_headers, ngx.req.set_header

local T = {}
local count = 0

local function new_key()
  count = count + 1
  return "spec|" .. ngx.now() .. "|" .. count
end

-- The request has these lines, of those that the specs speak of.
local function say(lines)
  for _, name in ipairs { "x-kind", "x-other", "accept-language", "cookie", "x-edge-alike" } do set_header(name, lines[name]) end
end

local function note(key, lines, vary, language, ttl)
  say(lines)
  alike.note({}, key, vary, language, ttl or 60)
end

-- The words in which the outer hop is to look; nil: it is not sent back.
local function find(key, lines, fields)
  say(lines)
  ngx.header["X-Edge-Alike"] = nil
  local var = { edge_flight = "", edge_parent = "none" }
  for name, value in pairs(fields or {}) do var[name] = value end
  local place = alike.place(var, { key = key, status = "MISS", words = "", rounds = 0, waited = 0 })
  local words = ngx.header["X-Edge-Alike"]
  ngx.header["X-Edge-Alike"] = nil
  lu.assertEquals(place, words and "@alike")
  return words
end

-- It comes back in these words, and nothing was there.
local function miss_as_another(key)
  local var = { edge_flight = "", edge_parent = "none" }
  return alike.place(var, { key = key, status = "MISS", words = "~", rounds = 0, waited = 0 }), var
end

-- What the request says once it has taken the words that were found.
local function taken(words)
  local var = { upstream_http_x_edge_alike = words, edge_said = "" }
  alike.take(var)
  return var
end

function T.test_other_blanks_lead_to_the_words_that_are_kept_and_back()
  local key = new_key()
  note(key, { ["x-kind"] = "1,2" }, "X-Kind")
  lu.assertNil(find(key, { ["x-kind"] = "1,2" }))
  lu.assertNil(find(key, { ["x-kind"] = "1,3" }))
  lu.assertNil(find(key, {}))
  local var = taken(find(key, { ["x-kind"] = "1, 2" }))
  lu.assertEquals(var.edge_alike, "~")
  lu.assertEquals(get_headers()["x-kind"], "1,2")
  var.upstream_http_x_edge_alike = nil
  alike.take(var)
  lu.assertEquals(var.edge_alike, "=")
  lu.assertEquals(get_headers()["x-kind"], "1, 2")
end

function T.test_only_what_is_said_otherwise_is_rewritten()
  local key = new_key()
  note(key, { ["x-kind"] = "1,2", ["x-other"] = "same" }, "X-Kind, X-Other")
  local words = find(key, { ["x-kind"] = "1, 2", ["x-other"] = "same" })
  lu.assertEquals(words, "x-kind:" .. ngx.encode_base64("1,2") .. " ")
end

function T.test_a_line_that_the_other_did_not_have_goes_and_comes_back()
  local key = new_key()
  note(key, {}, "Accept-Language", "de")
  local var = taken(find(key, { ["accept-language"] = "de" }))
  lu.assertNil(get_headers()["accept-language"])
  var.upstream_http_x_edge_alike = nil
  alike.take(var)
  lu.assertEquals(get_headers()["accept-language"], "de")
end

function T.test_words_that_lead_to_nothing_are_forgotten_and_keep_nobody_waiting()
  local key = new_key()
  note(key, { ["x-kind"] = "1,2" }, "X-Kind")
  taken(find(key, { ["x-kind"] = "1, 2" }))
  local place, var = miss_as_another(key)
  lu.assertEquals(place, "@alike")
  lu.assertEquals(var.edge_flight:sub(1, 1), "-", "it leads nobody")
  lu.assertNil(find(key, { ["x-kind"] = "1, 2" }))
end

function T.test_what_is_only_just_kept_is_looked_for_once_more()
  local key, leader = new_key(), { edge_flight = "" }
  collapse.enter(leader, key, 0, 0)
  collapse.answered(leader, true, nil)
  collapse.finish(leader, key)
  note(key, { ["x-kind"] = "1,2" }, "X-Kind")
  lu.assertNil(find(key, { ["x-kind"] = "1, 2" }), "the answer to its own words may come")
  set_header("x-kind", "1,2")
  lu.assertEquals(miss_as_another(key), "@again")
end

function T.test_neither_slices_nor_requests_of_children_take_words()
  local key = new_key()
  note(key, { ["x-kind"] = "1,2" }, "X-Kind")
  for _, fields in ipairs { { http_range = "bytes=0-1048575" }, { edge_parent = "child" }, { edge_flight = "-0" } } do
    lu.assertNil(find(key, { ["x-kind"] = "1, 2" }, fields))
  end
  lu.assertNotNil(find(key, { ["x-kind"] = "1, 2" }))
end

function T.test_a_language_leads_nowhere_when_what_was_made_for_those_words_is_in_another_by_now()
  local key = new_key()
  note(key, { ["accept-language"] = "de,en" }, "Accept-Language", "de")
  lu.assertNotNil(find(key, { ["accept-language"] = "de" }))
  note(key, { ["accept-language"] = "de,en" }, "Accept-Language", "en")
  lu.assertNil(find(key, { ["accept-language"] = "de" }))
  lu.assertNotNil(find(key, { ["accept-language"] = "en" }))
end

function T.test_credentials_cookies_and_several_lines_are_nobodys_words()
  local key = new_key()
  note(key, { ["x-kind"] = "1,2" }, "X-Kind")
  lu.assertNil(find(key, { ["x-kind"] = "1, 2" }, { http_authorization = "Basic YTpi" }))
  lu.assertNil(find(key, { ["x-kind"] = { "1", "2" } }))
  for _, vary in ipairs { "Cookie", "X-Kind, Cookie", "Authorization", "User-Agent" } do
    local other = new_key()
    note(other, { ["x-kind"] = "1,2", cookie = "a" }, vary)
    lu.assertNil(find(other, { ["x-kind"] = "1, 2", cookie = "a" }), vary)
  end
end

function T.test_nobody_is_sent_to_what_is_about_to_be_stale()
  local key = new_key()
  note(key, { ["x-kind"] = "1,2" }, "X-Kind", nil, 1)
  lu.assertNil(find(key, { ["x-kind"] = "1, 2" }))
end

function T.test_a_long_line_is_not_compared()
  local key = new_key()
  note(key, { ["x-kind"] = ("1,"):rep(4000) }, "X-Kind")
  lu.assertNil(find(key, { ["x-kind"] = ("1, "):rep(4000) }))
end

return T
