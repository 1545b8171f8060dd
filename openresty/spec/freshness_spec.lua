-- freshness.lua: what RFC 9111, 9213 and 5861 and the rule of a distribution make of an answer.
local freshness = require "freshness"
local lu = require "luaunit"

local NOW = 1700000000
local DATE = ngx.http_time(NOW)
local ANY = {}

local function decide(fields, rule)
  local answer = { status = 200, date = DATE }
  for name, value in pairs(fields) do answer[name] = value end
  local storable, ttl, while_revalidate, if_error, age = freshness.decide(answer, NOW, rule or ANY)
  return { storable = storable, ttl = ttl, while_revalidate = while_revalidate, if_error = if_error, age = age }
end

local T = {}

local function assert_ttl(expected, fields, rule)
  local decided = decide(fields, rule)
  lu.assertTrue(decided.storable)
  lu.assertEquals(decided.ttl, expected)
end

local function assert_not_stored(fields, rule) lu.assertFalse(decide(fields, rule).storable) end

function T.test_explicit_freshness_in_the_order_of_rfc_9111()
  assert_ttl(60, { cache_control = "max-age=60" })
  assert_ttl(30, { cache_control = "max-age=60, s-maxage=30" })
  assert_ttl(60, { cache_control = "max-age=60", expires = ngx.http_time(NOW + 5) })
  assert_ttl(5, { expires = ngx.http_time(NOW + 5) })
  assert_ttl(7, { cdn_cache_control = "max-age=7", cache_control = "no-store" })
end

function T.test_a_malformed_targeted_field_leaves_the_plain_one()
  assert_ttl(60, { cdn_cache_control = "max-age=", cache_control = "max-age=60" })
  assert_ttl(60, { cdn_cache_control = 'max-age="7"', cache_control = "max-age=60" })
end

function T.test_age_and_date_shorten_freshness()
  assert_ttl(50, { cache_control = "max-age=60", age = "10" })
  assert_ttl(40, { cache_control = "max-age=60", date = ngx.http_time(NOW - 20) })
  lu.assertEquals(decide({ cache_control = "max-age=60", age = "10" }).age, 10)
  -- A list of ages: the first; rubbish: none.
  assert_ttl(57, { cache_control = "max-age=60", age = "3, 9" })
  assert_ttl(60, { cache_control = "max-age=60", age = "-3" })
end

function T.test_what_must_not_be_stored()
  for _, fields in ipairs {
    { cache_control = "no-store, max-age=60" },
    { cache_control = "private, max-age=60" },
    { cache_control = 'private="x-a", max-age=60' },
    { cdn_cache_control = "no-store", cache_control = "max-age=60" },
    { cache_control = "max-age=60", vary = "Accept, *" },
    -- nginx would not.
    { cache_control = "max-age=60", vary = ("x"):rep(129) },
    { cache_control = "max-age=60", status = 206 },
    { cache_control = "max-age=60", authorized = true },
    { sets_cookie = true, last_modified = ngx.http_time(NOW - 86400) },
    {},
  } do assert_not_stored(fields) end
end

function T.test_no_rule_beats_what_must_not_be_stored()
  local rule = { ttl = 600 }
  for _, cache_control in ipairs { "no-store", "private" } do assert_not_stored({ cache_control = cache_control }, rule) end
  assert_not_stored({ authorized = true }, rule)
  assert_not_stored({ sets_cookie = true }, rule)
end

function T.test_authorization_is_allowed_by_those_who_may()
  for _, cache_control in ipairs { "public, max-age=60", "s-maxage=60", "max-age=60, must-revalidate" } do
    assert_ttl(60, { cache_control = cache_control, authorized = true })
  end
end

function T.test_must_understand_lifts_no_store_for_known_statuses()
  assert_ttl(60, { cache_control = "must-understand, no-store, max-age=60" })
  assert_not_stored({ cache_control = "must-understand, no-store, max-age=60", status = 599 })
end

function T.test_an_answer_with_a_validator_is_kept_to_be_asked_about()
  local decided = decide { cache_control = "no-cache", etag = '"a"' }
  lu.assertTrue(decided.storable)
  lu.assertEquals({ decided.ttl, decided.while_revalidate, decided.if_error }, { 0, 0, 0 })
  lu.assertTrue(decide({ cache_control = "max-age=0", etag = '"a"' }).storable)
end

function T.test_unreadable_freshness_is_stale_not_absent()
  lu.assertEquals(decide({ cache_control = "max-age=soon", etag = '"a"' }).ttl, 0)
  lu.assertEquals(decide({ expires = "0", etag = '"a"' }).ttl, 0)
  lu.assertEquals(decide({ expires = "Thu, 01 Dec 2030 16:00:00 GMT, Thu, 01 Dec 2031 16:00:00 GMT", etag = '"a"' }).ttl, 0)
end

function T.test_heuristic_freshness_is_a_tenth_of_the_age_of_the_last_change()
  assert_ttl(8640, { last_modified = ngx.http_time(NOW - 86400) })
  for _, status in ipairs { 400, 403, 413, 414, 431, 501 } do
    assert_not_stored({ last_modified = ngx.http_time(NOW - 86400), status = status })
  end
end

function T.test_a_rule_speaks_where_the_origin_is_silent()
  local rule = { ttl = 600, stale_while_revalidate = 30, stale_if_error = 90 }
  assert_ttl(600, {}, rule)
  assert_ttl(60, { cache_control = "max-age=60" }, rule)
  assert_not_stored({ status = 404 }, rule)
  local decided = decide({}, rule)
  lu.assertEquals({ decided.while_revalidate, decided.if_error }, { 30, 90 })
end

function T.test_a_rule_may_shorten_but_not_lengthen()
  local rule = { ttl_max = 2 }
  assert_ttl(2, { cache_control = "max-age=60" }, rule)
  assert_ttl(1, { cache_control = "max-age=1" }, rule)
end

function T.test_a_rule_for_an_extension_holds_for_its_content_types_only()
  local rule = { ttl = 600, content_types = { "text/css", "image/" } }
  assert_ttl(600, { content_type = "image/png" }, rule)
  assert_ttl(600, { content_type = "text/css; charset=utf-8" }, rule)
  -- /account/settings.css that answers with the account page.
  assert_not_stored({ content_type = "text/html" }, rule)
  assert_not_stored({}, rule)
end

function T.test_stale_answers_are_forbidden_by_those_who_may()
  local rule = { stale_while_revalidate = 30, stale_if_error = 90 }
  for _, words in ipairs { "max-age=60, must-revalidate", "max-age=60, proxy-revalidate", "s-maxage=60" } do
    local decided = decide({ cache_control = words }, rule)
    lu.assertEquals({ decided.while_revalidate, decided.if_error }, { 0, 0 }, words)
  end
  local asked = decide({ cache_control = "max-age=60, stale-while-revalidate=5, stale-if-error=6" }, rule)
  lu.assertEquals({ asked.while_revalidate, asked.if_error }, { 5, 6 })
end

function T.test_a_rule_that_overrides_counts_from_now_on()
  local rule = { mode = "override", ttl = 600 }
  assert_ttl(600, { cache_control = "max-age=60", age = "1000" }, rule)
  assert_ttl(600, { cache_control = "no-cache, must-revalidate", expires = "0" }, rule)
  assert_ttl(5, { cache_control = "max-age=60" }, { mode = "override", ttl = 600, ttl_max = 5 })
  -- Another edge got the answer a while ago: from then on.
  assert_ttl(500, { cache_control = "max-age=60", age = "900", kept = 100 }, rule)
  assert_ttl(20, { cache_control = "max-age=60", age = "40", kept = 30 })
  -- Without a time of its own there is nothing to override with.
  assert_ttl(60, { cache_control = "max-age=60" }, { mode = "override" })
  assert_ttl(60, { cache_control = "max-age=60", status = 404 }, rule)
end

function T.test_an_override_never_beats_what_is_one_viewers()
  local rule = { mode = "override", ttl = 600 }
  for _, fields in ipairs {
    { cache_control = "no-store" }, { cache_control = "private, max-age=60" }, { cdn_cache_control = "private" },
    { authorized = true, cache_control = "max-age=60" }, { sets_cookie = true },
    { sets_cookie = true, cache_control = "max-age=0" }, { sets_cookie = true, cache_control = "no-cache, max-age=60" },
  } do assert_not_stored(fields, rule) end
end

function T.test_an_override_beats_it_with_its_switch()
  local rule = { mode = "override", ttl = 600, override_private = true }
  for _, fields in ipairs {
    { cache_control = "no-store" }, { cache_control = "private, max-age=60" }, { authorized = true },
    { sets_cookie = true },
  } do assert_ttl(600, fields, rule) end
  assert_not_stored({ vary = "*" }, rule)
  assert_not_stored({ status = 206 }, rule)
  assert_not_stored({ status = 404, cache_control = "private" }, rule)
end

function T.test_times_by_status_come_before_the_rules_own()
  local rule = { ttl = 600, ttl_by_status = { [404] = 10, [4] = 20, [5] = 30, [302] = 40, [200] = 50 } }
  for status, ttl in pairs { [200] = 50, [203] = 600, [404] = 10, [410] = 20, [500] = 30, [504] = 30, [302] = 40 } do
    assert_ttl(ttl, { status = status }, rule)
  end
  assert_ttl(7, { status = 404, cache_control = "max-age=7" }, rule)
  assert_ttl(10, { status = 404, cache_control = "max-age=7" }, { mode = "override", ttl_by_status = { [404] = 10 } })
end

function T.test_a_class_does_not_mean_what_a_viewer_can_provoke()
  local rule = { ttl_by_status = { [4] = 20, [5] = 30, [414] = 5 } }
  for _, status in ipairs { 400, 401, 403, 405, 413, 416, 421, 429, 431, 501, 505 } do
    assert_not_stored({ status = status }, rule)
  end
  assert_ttl(5, { status = 414 }, rule)
end

function T.test_a_rule_that_bypasses_keeps_nothing_of_its_types()
  local rule = { mode = "bypass", content_types = { "text/html" } }
  assert_not_stored({ cache_control = "max-age=60", content_type = "TEXT/html; charset=utf-8" }, rule)
  assert_ttl(60, { cache_control = "max-age=60", content_type = "text/css" }, rule)
end

function T.test_stale_times_of_an_override_beat_what_forbids_them()
  local words = "max-age=60, must-revalidate, stale-while-revalidate=5, stale-if-error=6"
  local rule = { mode = "override", ttl = 60, stale_while_revalidate = 30 }
  local decided = decide({ cache_control = words }, rule)
  lu.assertEquals({ decided.while_revalidate, decided.if_error }, { 30, 0 })
end

return T
