-- marks.lua on the real dicts: what was purged is never found again, and nobody else is.
local cjson = require "cjson.safe"
local facts = require "facts"
local lu = require "luaunit"
local marks = require "marks"

local NOW = 1800000000000
local count = 0

-- luaunit cannot be left and come back to.
local function at_once(act, ...)
  local sleep = ngx.sleep
  ngx.sleep = function() end
  local ok, message = act(...)
  ngx.sleep = sleep
  return ok, message
end

local function new_id()
  count = count + 1
  return ("3a9cfe11-0d5b-4b7e-8f21-%012x"):format(count)
end

local function put(id, epoch, what)
  local body = { format = 1, distribution = id, epoch = epoch }
  for name, value in pairs(what) do body[name] = value end
  local ok, message = at_once(marks.put, { kind = "purge", op = "put", body = cjson.encode(body) })
  facts.note_change()
  return ok, message
end

local function epoch(id, target, at_least) return marks.epoch(id, target, target:match("^[^?]*"), at_least) end

local T = {}

function T.test_a_distribution_without_marks_has_no_epoch()
  lu.assertEquals(epoch(new_id(), "/a/b?c"), 0)
end

function T.test_all_of_one_and_nothing_of_another()
  local id, other = new_id(), new_id()
  lu.assertTrue(put(id, NOW, { all = true }))
  lu.assertEquals(epoch(id, "/"), NOW)
  lu.assertEquals(epoch(id, "/a?b"), NOW)
  lu.assertEquals(epoch(other, "/"), 0)
end

function T.test_a_url_with_a_query_is_that_one_and_without_is_the_path_with_any()
  local id = new_id()
  put(id, NOW, { urls = { "/one?a=1" } })
  put(id, NOW + 1, { urls = { "/two" } })
  lu.assertEquals(epoch(id, "/one?a=1"), NOW)
  for _, target in ipairs { "/one", "/one?a=2", "/one?a=1&b", "/one/" } do lu.assertEquals(epoch(id, target), 0, target) end
  for _, target in ipairs { "/two", "/two?a=2", "/two?" } do lu.assertEquals(epoch(id, target), NOW + 1, target) end
  lu.assertEquals(epoch(id, "/two/"), 0)
end

function T.test_a_prefix_is_what_lies_below_it_at_any_depth()
  local id = new_id()
  put(id, NOW, { prefixes = { "/a/", "/b/c/d/" } })
  for _, target in ipairs { "/a/", "/a/x", "/a/x/y?z", "/b/c/d/", "/b/c/d/e/f/g" } do
    lu.assertEquals(epoch(id, target), NOW, target)
  end
  for _, target in ipairs { "/", "/a", "/ab/", "/b/c/", "/b/c/d", "/b/c/x/d/", "/x/a/", "/?/a/" } do
    lu.assertEquals(epoch(id, target), 0, target)
  end
  put(id, NOW + 1, { prefixes = { "/" } })
  lu.assertEquals(epoch(id, "/anything"), NOW + 1)
end

function T.test_the_highest_mark_counts_whatever_the_order()
  local id = new_id()
  put(id, NOW + 5, { urls = { "/a/b" } })
  put(id, NOW + 9, { prefixes = { "/a/" } })
  put(id, NOW + 2, { all = true })
  put(id, NOW + 1, { urls = { "/a/b", "/c" } })
  lu.assertEquals(epoch(id, "/a/b"), NOW + 9)
  lu.assertEquals(epoch(id, "/c"), NOW + 2)
  put(id, NOW + 20, { urls = { "/a/b" } })
  put(id, NOW + 10, { urls = { "/a/b" } })
  lu.assertEquals(epoch(id, "/a/b"), NOW + 20)
  lu.assertEquals(epoch(id, "/a/b", NOW + 30), NOW + 30)
  lu.assertEquals(epoch(id, "/a/b", NOW), NOW + 20)
end

function T.test_a_prefix_beyond_all_depths_purges_more_not_less()
  local id = new_id()
  local deep = ("/x"):rep(40) .. "/"
  put(id, NOW, { prefixes = { deep } })
  lu.assertEquals(epoch(id, deep .. "y"), NOW)
  lu.assertEquals(epoch(id, ("/x"):rep(20) .. "/y"), 0)
end

function T.test_what_the_control_plane_forgets_stays_purged()
  local id = new_id()
  put(id, NOW, { urls = { "/a" } })
  marks.remove { id = id, rev = 2 }
  lu.assertEquals(epoch(id, "/a"), NOW)
end

function T.test_what_is_no_purge_is_refused_with_its_reason_and_changes_nothing()
  local id = new_id()
  for _, body in ipairs {
    "", "{", "[]", "7", '"x"', "null", '{"format":1}', ("["):rep(100000), ("x"):rep(300 * 1024),
    '{"format":2,"distribution":"' .. id .. '","epoch":5,"all":true}',
    '{"format":1,"distribution":"' .. id .. '","epoch":5,"all":true',
  } do
    local ok, message = marks.put { body = body }
    lu.assertNil(ok)
    lu.assertIsString(message)
  end
  for _, wrong in ipairs {
    { distribution = "short" }, { distribution = 5 }, { epoch = 0 }, { epoch = -1 }, { epoch = 1.5 }, { epoch = "5" }, { epoch = 1e15 },
    { all = false }, { all = "yes" }, { urls = "/a" }, { urls = { "a" } }, { urls = { 5 } }, { urls = { x = "/a" } },
    { urls = { "/" .. ("x"):rep(20000) } }, { prefixes = { "/a" } }, { prefixes = { "a/" } }, { prefixes = { {} } }, { tags = { "" } },
    { tags = { "/a", {} } },
  } do
    local what = { urls = { "/a" } }
    for name, value in pairs(wrong) do what[name] = value end
    local ok, message = put(id, what.epoch or NOW, what)
    lu.assertNil(ok, cjson.encode(wrong))
    lu.assertIsString(message)
  end
  lu.assertEquals(epoch(id, "/a"), 0)
end

return T
