-- invalidations.lua: a thousand of each, and what a Location names.
local invalidations = require "invalidations"
local facts = require "facts"
local lu = require "luaunit"
local marks = require "marks"

local count = 0
local function new_id()
  count = count + 1
  return ("7d1c0f52-91aa-4e0b-b3de-%012x"):format(count)
end

local T = {}

function T.test_a_target_that_is_noted_has_a_turn_and_each_time_a_higher_one()
  local id = new_id()
  lu.assertNil(invalidations.turn(id, "a.test", "/"))
  invalidations.note(id, "a.test", "/")
  local turn = invalidations.turn(id, "a.test", "/")
  invalidations.note(id, "a.test", "/")
  lu.assertTrue(invalidations.turn(id, "a.test", "/") > turn)
  for _, other in ipairs { { id, "a.test", "/x" }, { id, "b.test", "/" }, { new_id(), "a.test", "/" } } do
    lu.assertNil(invalidations.turn(unpack(other)))
  end
end

function T.test_one_that_was_forgotten_begins_above_all_that_it_had()
  local id = new_id()
  invalidations.note(id, "a.test", "/again")
  local before = invalidations.turn(id, "a.test", "/again")
  for number = 1, 1000 do invalidations.note(id, "a.test", "/" .. number) end
  lu.assertNil(invalidations.turn(id, "a.test", "/again"))
  ngx.update_time()
  invalidations.note(id, "a.test", "/again")
  lu.assertTrue(invalidations.turn(id, "a.test", "/again") >= before)
end

function T.test_the_latest_thousand_of_a_distribution_are_kept_and_no_other_pays()
  local id, other = new_id(), new_id()
  invalidations.note(other, "a.test", "/theirs")
  for number = 1, 40000 do invalidations.note(id, "a.test", "/" .. number) end
  for number = 39001, 40000 do lu.assertNotNil(invalidations.turn(id, "a.test", "/" .. number)) end
  lu.assertNil(invalidations.turn(id, "a.test", "/39000"))
  lu.assertNotNil(invalidations.turn(other, "a.test", "/theirs"))
end

function T.test_one_url_again_and_again_takes_one_place()
  local id = new_id()
  invalidations.note(id, "a.test", "/first")
  for _ = 1, 3000 do invalidations.note(id, "a.test", "/busy") end
  lu.assertNotNil(invalidations.turn(id, "a.test", "/first"))
end

function T.test_a_reference_of_the_same_host_is_found()
  for reference, target in pairs {
    ["/a?b"] = "/a?b", ["http://a.test/x"] = "/x", ["https://A.TEST:8443/x?y#z"] = "/x?y", ["//a.test/n"] = "/n",
    ["http://a.test"] = "/", ["http://a.test?q"] = "/?q", ["other"] = "/dir/other", ["?q=1"] = "/dir/page?q=1",
    ["../up"] = "/up", ["./x/../y"] = "/dir/y", ["/a%7Eb"] = "/a~b", ["/a/b/../../c"] = "/c", ["/a//../b"] = "/a/b",
    ["."] = "/dir/", [".."] = "/", [("/a"):rep(2048)] = ("/a"):rep(2048),
  } do
    lu.assertEquals((invalidations.resolve(reference, "a.test", "/dir/page?old")), target, reference)
  end
  for _, reference in ipairs {
    "http://b.test/x", "//b.test/x", "http://a.test.b.test/", "http://a.test@b.test/", "mailto:x", "", "#x",
    "/a%2fb", "/a\\b", "../../..", "/../../x",
    ("/a"):rep(2048) .. "/",
  } do
    lu.assertNil((invalidations.resolve(reference, "a.test", "/dir/page")), reference)
  end
end

-- Anybody can cause invalidations: they once filled the memory of purges.
function T.test_forty_thousand_changes_of_one_and_as_many_of_others_bring_back_nothing_that_was_purged()
  local id = new_id()
  marks.put { body = ('{"format":1,"distribution":"%s","epoch":1800000000000,"urls":["/purged"]}'):format(id) }
  facts.note_change()
  for _ = 1, 10 do
    local flooding = new_id()
    for number = 1, 4000 do invalidations.note(flooding, "a.test", "/" .. number) end
  end
  for number = 1, 40000 do invalidations.note(id, "a.test", "/" .. number) end
  lu.assertEquals(marks.epoch(id, "/purged", "/purged"), 1800000000000)
end

return T
