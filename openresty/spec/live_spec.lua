-- live.lua: rules and types of a live stream.
local live = require "live"
local lu = require "luaunit"

local T = {}

function T.test_a_manifest_is_young_whatever_the_rule_says()
  for _, path in ipairs { "/a.m3u8", "/a/B.MPD", "/x.ism" } do
    lu.assertEquals(live.rule(nil, path).ttl_max, 2)
    local rule = live.rule({ ttl = 60, stale_while_revalidate = 60, stale_if_error = 3600, content_types = { "a" } }, path)
    lu.assertEquals({ rule.ttl, rule.ttl_max, rule.stale_while_revalidate, rule.stale_if_error }, { 2, 2, 1, 4 })
    lu.assertEquals(rule.content_types, { "a" })
  end
  local shorter = live.rule({ ttl = 0, ttl_max = 1, stale_if_error = 0 }, "/a.m3u8")
  lu.assertEquals({ shorter.ttl, shorter.ttl_max, shorter.stale_if_error }, { 0, 1, 0 })
end

function T.test_what_is_not_there_yet_is_asked_for_again_in_a_second()
  lu.assertEquals(live.rule(nil, "/1.ts").ttl_by_status, { [404] = 1 })
  lu.assertEquals(live.rule({ ttl = 5, ttl_by_status = { [5] = 2 } }, "/1.m4s").ttl_by_status, { [404] = 1, [5] = 2 })
  lu.assertEquals(live.rule({ ttl_by_status = { [404] = 9 } }, "/1.ts").ttl_by_status[404], 9)
  lu.assertEquals(live.rule({ ttl_by_status = { [4] = 9 } }, "/1.ts").ttl_by_status[404], 9)
end

function T.test_a_rule_is_left_as_it_was_and_made_once()
  local rule = { ttl = 60, ttl_by_status = { [5] = 2 } }
  lu.assertIs(live.rule(rule, "/a.m3u8"), live.rule(rule, "/b.mpd"))
  lu.assertIs(live.rule(rule, "/1.ts"), live.rule(rule, "/2.ts"))
  lu.assertEquals(rule.ttl, 60)
  lu.assertEquals(rule.ttl_by_status, { [5] = 2 })
end

function T.test_a_rule_that_overrides_is_meant()
  local rule = { mode = "override", ttl = 60 }
  lu.assertIs(live.rule(rule, "/a.m3u8"), rule)
end

function T.test_types_are_told_where_the_origin_does_not_know()
  for _, case in ipairs {
    { "/a.m3u8", nil, "application/vnd.apple.mpegurl" }, { "/a.m3u8", "text/plain; charset=utf-8", "application/vnd.apple.mpegurl" },
    { "/a.mpd", "application/octet-stream", "application/dash+xml" }, { "/a.TS", "text/vnd.trolltech.linguist", "video/mp2t" },
    { "/a.ts", "video/MP2T", "video/MP2T" }, { "/a.m4s", "binary/octet-stream", "video/iso.segment" },
    { "/a.m3u8", "application/x-mpegURL", "application/x-mpegURL" }, { "/a.css", "text/plain", "text/plain" },
    { "/a", nil, nil }, { "/a.mp4", "", "video/mp4" },
  } do
    lu.assertEquals(live.content_type(case[1], case[2]), case[3], case[1])
  end
end

return T
