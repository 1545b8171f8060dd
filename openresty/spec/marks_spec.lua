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
    { distribution = "short" }, { distribution = 5 }, { epoch = 0 }, { epoch = -1 }, { epoch = 1.5 }, { epoch = "5" },
    { epoch = 1e15 }, { all = false }, { all = "yes" }, { urls = "/a" }, { urls = { "a" } }, { urls = { 5 } }, { urls = { x = "/a" } },
    { urls = { "/" .. ("x"):rep(20000) } }, { prefixes = { "/a" } }, { prefixes = { "a/" } }, { prefixes = { {} } }, 
    { tags = { "" } }, { tags = { "/a", {} } },
  } do
    local what = { urls = { "/a" } }
    for name, value in pairs(wrong) do what[name] = value end
    local ok, message = put(id, what.epoch or NOW, what)
    lu.assertNil(ok, cjson.encode(wrong))
    lu.assertIsString(message)
  end
  lu.assertEquals(epoch(id, "/a"), 0)
end

-- What a distribution was purged of, beside what its marks say.
local function new_model()
  local purged = {}
  return {
    purge = function(what, at) purged[what] = math.max(purged[what] or 0, at) end,
    -- Never less than this; more only where something folded.
    epoch = function(path)
      local top = math.max(purged.all or 0, purged[path] or 0)
      for at in path:gmatch("()/") do top = math.max(top, purged["prefix " .. path:sub(1, at)] or 0) end
      return top
    end,
  }
end

local function random_path(from)
  local path = ""
  for _ = 1, math.random(1, 4) do path = path .. "/" .. math.random(from) end
  return path
end

function T.test_whatever_is_purged_in_whatever_order_the_epoch_is_that_of_the_model()
  math.randomseed(11)
  for _ = 1, 5 do
    local id, model, paths = new_id(), new_model(), {}
    for turn = 1, 300 do
      local at, path = NOW + math.random(0, 20 * 86400 * 1000), random_path(6)
      local kind = math.random(20)
      if kind == 1 then
        put(id, at, { all = true })
        model.purge("all", at)
      elseif kind <= 8 then
        put(id, at, { prefixes = { path .. "/" } })
        model.purge("prefix " .. path .. "/", at)
      else
        put(id, at, { urls = { path } })
        model.purge(path, at)
      end
      paths[turn] = random_path(6)
    end
    for _, path in ipairs(paths) do lu.assertEquals(epoch(id, path), model.epoch(path), path) end
  end
end

-- A memory that is nearly full, without filling it: what `marks` asks the dict.
local function with_memory(free, act)
  local dict = getmetatable(ngx.shared.marks).__index
  local free_space = dict.free_space
  dict.free_space = function(self) return self:capacity() * free end
  local ok, fault = pcall(act)
  dict.free_space = free_space
  if not ok then error(fault, 0) end
end

local function numbered(from, to)
  local urls = {}
  for number = from, to do urls[#urls + 1] = "/file/" .. number end
  return urls
end

function T.test_the_oldest_half_folds_and_purges_no_less_and_nobody_else()
  local id, other = new_id(), new_id()
  put(other, NOW, { urls = { "/file/1" } })
  with_memory(0.01, function()
    -- A mark each two minutes, as they came; a thousand are let be even now.
    for number = 1, 1000 do put(id, NOW + number * 120000, { urls = { "/file/" .. number } }) end
    lu.assertEquals(marks.show(id).all, 0)
    put(id, NOW + 1001 * 120000, { urls = { "/file/1001" } })
  end)
  local shown = marks.show(id)
  lu.assertEquals(shown.count, 500)
  lu.assertEquals(shown.all, NOW + 501 * 120000)
  for number = 1, 1001 do
    lu.assertEquals(epoch(id, "/file/" .. number), math.max(shown.all, NOW + number * 120000))
  end
  lu.assertEquals(epoch(other, "/file/1"), NOW)
  lu.assertEquals(epoch(other, "/file/2"), 0)
end

function T.test_the_newest_stay_however_disordered_they_came()
  math.randomseed(5)
  local id, order = new_id(), numbered(1, 1100)
  for place = #order, 2, -1 do
    local swapped = math.random(place)
    order[place], order[swapped] = order[swapped], order[place]
  end
  with_memory(0.01, function()
    for _, url in ipairs(order) do put(id, NOW + tonumber(url:match("%d+")) * 600000, { urls = { url } }) end
  end)
  local shown = marks.show(id)
  -- Half of them at most, and no newer than the middle.
  lu.assertTrue(shown.all > NOW and shown.all <= NOW + 560 * 600000)
  for number = 1, 1100 do
    lu.assertEquals(epoch(id, "/file/" .. number), math.max(shown.all, NOW + number * 600000))
  end
end

function T.test_a_mark_that_was_renewed_is_as_old_as_its_newest()
  local id = new_id()
  put(id, NOW, { urls = { "/renewed" } })
  for number = 1, 990 do put(id, NOW + number, { urls = { "/file/" .. number } }) end
  local latest = NOW + 30 * 86400000
  put(id, latest, { urls = { "/renewed" } })
  with_memory(0.01, function() put(id, latest + 1, { urls = numbered(2000, 2020) }) end)
  lu.assertTrue(marks.show(id).all <= NOW + 990)
  lu.assertEquals(epoch(id, "/renewed"), latest)
end

function T.test_all_gives_the_memory_back_and_a_newer_mark_stays()
  local id = new_id()
  put(id, NOW + 500, { urls = { "/newer" } })
  put(id, NOW, { urls = numbered(1, 300), prefixes = { "/p/" } })
  put(id, NOW + 100, { all = true })
  lu.assertEquals(marks.show(id).count, 1)
  lu.assertEquals(epoch(id, "/newer"), NOW + 500)
  lu.assertEquals(epoch(id, "/file/3"), NOW + 100)
  put(id, NOW + 600, { all = true })
  local shown = marks.show(id)
  lu.assertEquals({ shown.count, shown.has_urls, shown.depths }, { 0, false, 0 })
  -- What is needless is not even kept.
  put(id, NOW + 550, { urls = numbered(1, 10) })
  lu.assertEquals(marks.show(id).count, 0)
end

function T.test_without_memory_it_is_the_whole_distribution_and_no_refusal()
  local id, other = new_id(), new_id()
  put(other, NOW, { urls = { "/a" } })
  put(id, NOW, { urls = { "/before" } })
  local dict = getmetatable(ngx.shared.marks).__index
  for _, failing in ipairs { "safe_set", "lpush" } do
    local real, left = dict[failing], 1
    dict[failing] = function(...)
      if left == 0 then return nil, "no memory" end
      left = left - 1
      return real(...)
    end
    local at = NOW + (failing == "lpush" and 2 or 1)
    local ok, message = put(id, at, { urls = { "/a", "/b", "/c" }, tags = { "x" } })
    dict[failing] = real
    lu.assertTrue(ok, message)
    for _, target in ipairs { "/a", "/b", "/c", "/before", "/untouched" } do lu.assertEquals(epoch(id, target), at) end
  end
  lu.assertEquals(epoch(other, "/a"), NOW)
  lu.assertEquals(epoch(other, "/b"), 0)
end

function T.test_a_hundred_thousand_marks_are_put_and_found()
  local id, other = new_id(), new_id()
  for page = 0, 99 do put(id, NOW + page, { urls = numbered(page * 1000 + 1, page * 1000 + 1000) }) end
  lu.assertEquals(marks.show(id).count, 100000)
  for number = 1, 100000, 997 do
    lu.assertEquals(epoch(id, "/file/" .. number), NOW + math.floor((number - 1) / 1000))
  end
  lu.assertEquals(epoch(id, "/file/100001"), 0)
  lu.assertEquals(epoch(other, "/file/1"), 0)
  put(id, NOW + 200, { all = true })
  lu.assertEquals(marks.show(id).count, 0)
end

return T
