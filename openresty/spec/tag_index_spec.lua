-- tag_index.lua against a model of a cache, of its origin and of everything that may go wrong between them: nothing that was
-- purged is served, and where nothing is forgotten, nothing else is lost.
local cjson = require "cjson.safe"
local epochs = require "epochs"
local facts = require "facts"
local lu = require "luaunit"
local marks = require "marks"
local tag_index = require "tag_index"
local tags = require "tags"

local tagidx = ngx.shared.tagidx
local random = math.random
local NOW = 1800000000000
local TAGS = 6

local count = 0
local function new_id()
  count = count + 1
  return ("5f0e7ab3-2c4d-4e6f-8a91-%012x"):format(count)
end

local function put(id, epoch, what)
  what.format, what.distribution, what.epoch = 1, id, epoch
  local sleep = ngx.sleep
  ngx.sleep = function() end
  lu.assertTrue(marks.put { body = cjson.encode(what) })
  ngx.sleep = sleep
  facts.note_change()
end

-- nginx's cache: one file under a key, which says by what its answers vary, and others for the values that differ.
local function variant_of(asked, vary)
  local text = ""
  for name in vary:gmatch("[^,]+") do text = text .. name .. "=" .. (asked["http_" .. name] or "") .. ";" end
  return text
end

local function new_cache()
  local primary, secondary = {}, {}
  return {
    find = function(key, asked)
      local first = primary[key]
      if not first then return nil end
      local variant = variant_of(asked, first.vary)
      if first.variant == variant then return first end
      local other = secondary[key .. "#" .. variant]
      return other and other.vary == first.vary and other or nil
    end,
    store = function(key, asked, answer)
      answer.variant = variant_of(asked, answer.vary)
      local first = primary[key]
      if not first or first.vary ~= answer.vary or first.variant == answer.variant then
        primary[key] = answer
      else
        secondary[key .. "#" .. answer.variant] = answer
      end
    end,
  }
end

-- `options`: what goes wrong, each one time in so many; absent: never.
local function new_world(options)
  local world = { id = new_id(), time = 0, hits = 0, needless = 0, served = 0, refused = 0 }
  local cache, in_flight, late = new_cache(), {}, {}
  -- When each thing was purged last, as far as the edge has heard.
  local purged, origin = {}, {}

  local function happens(name) return options[name] and random(options[name]) == 1 end

  local function tags_of(path)
    local list = {}
    for number = 1, TAGS do
      if random(3) == 1 then list[#list + 1] = "tag-" .. number end
    end
    return { tags = list, vary = options.varies and origin[path].varies and "accept" or "", path = path }
  end

  local function describe(path)
    if not origin[path] then origin[path] = { varies = random(2) == 1 } end
    if happens("flips") then origin[path].varies = not origin[path].varies end
  end

  local function hear(purge)
    put(world.id, NOW + purge.time, purge.what)
    for _, name in ipairs(purge.names) do purged[name] = math.max(purged[name] or 0, purge.time) end
  end

  function world.purge()
    world.time = world.time + 1
    local what, names = {}, {}
    local kind = random(options.others and 12 or 10)
    if kind == 11 then
      what.all, names = true, { "all" }
    elseif kind == 12 then
      local path = "/" .. random(8)
      what.urls, names = { path }, { path }
    else
      names = { "tag-" .. random(TAGS) }
      what.tags = names
    end
    local purge = { time = world.time, what = what, names = names }
    if happens("late") then late[#late + 1] = purge else hear(purge) end
  end

  local function is_purged(answer)
    local newest = math.max(purged.all or 0, purged[answer.path] or 0)
    for _, tag in ipairs(answer.tags) do newest = math.max(newest, purged[tag] or 0) end
    return newest > answer.read
  end

  local function note(flight, answer)
    local list = #answer.tags > 0 and table.concat(answer.tags, " ") or nil
    return tag_index.note(flight.asked, world.id, flight.key, flight.epoch, tags.of(list, nil), answer.vary, flight.newest)
  end

  local function land(flight)
    note(flight, flight.answer)
    local store = function() cache.store(flight.under, flight.asked, flight.answer) end
    -- Bodies end in another order than heads come.
    if happens("slow") then in_flight[#in_flight + 1] = { store = store } else store() end
  end

  function world.ask()
    world.time = world.time + 1
    local path, asked = "/" .. random(8), { http_accept = tostring(random(3)) }
    describe(path)
    local epoch = marks.epoch(world.id, path, path)
    local key = world.id .. "|" .. epoch .. "|" .. path
    local final = tag_index.epoch(asked, world.id, key, epoch)
    local flight = { key = key, epoch = final, asked = asked, under = world.id .. "|" .. final .. "|" .. path,
      newest = epochs.find(world.id).tag }
    local found = cache.find(flight.under, asked)
    world.served = world.served + 1
    if found then
      if note(flight, found) then
        world.refused = world.refused + 1
        return nil
      end
      world.hits = world.hits + 1
      if is_purged(found) then return cjson.encode { time = world.time, answer = found, purged = purged } end
      return nil
    end
    local former = world.latest and world.latest[path .. (asked.http_accept)]
    if former and not is_purged(former) then world.needless = world.needless + 1 end
    -- What the origin says now; its head comes later.
    flight.answer = tags_of(path)
    flight.answer.read = world.time
    world.latest = world.latest or {}
    world.latest[path .. asked.http_accept] = flight.answer
    if happens("slow") then in_flight[#in_flight + 1] = flight else land(flight) end
  end

  function world.go_on()
    if #in_flight > 0 and random(2) == 1 then
      local flight = table.remove(in_flight, random(#in_flight))
      if flight.store then flight.store() else land(flight) end
    end
    if #late > 0 and random(4) == 1 then hear(table.remove(late, random(#late))) end
    if happens("evicts") then tagidx:delete(ngx.md5_bin(world.id .. "|0|/" .. random(8))) end
    if happens("forgets") then tagidx:flush_all() end
  end

  return world
end

local function play(options, worlds, turns)
  local hits, needless, served, refused = 0, 0, 0, 0
  for _ = 1, worlds do
    local world = new_world(options)
    for _ = 1, turns do
      local fault
      if random(12) == 1 then world.purge() else fault = world.ask() end
      if fault then return lu.fail("served though purged: " .. fault) end
      world.go_on()
    end
    hits, needless, served = hits + world.hits, needless + world.needless, served + world.served
    refused = refused + world.refused
  end
  return hits / served, needless, refused / served
end

local T = {}

function T.test_where_nothing_is_forgotten_exactly_what_was_purged_is_gone()
  math.randomseed(1)
  local hits, needless, refused = play({}, 20, 400)
  lu.assertEquals({ needless, refused }, { 0, 0 })
  lu.assertTrue(hits > 0.5, hits)
end

function T.test_variants_go_by_their_own_tags()
  math.randomseed(2)
  local hits, _, refused = play({ varies = true }, 20, 400)
  lu.assertEquals(refused, 0)
  lu.assertTrue(hits > 0.3, hits)
end

function T.test_with_evictions_nothing_that_was_purged_is_served()
  math.randomseed(3)
  local hits, _, refused = play({ evicts = 5, forgets = 100 }, 40, 400)
  lu.assertEquals(refused, 0)
  lu.assertTrue(hits > 0.2, hits)
end

function T.test_with_variants_and_evictions_nothing_that_was_purged_is_served()
  math.randomseed(4)
  local _, _, refused = play({ varies = true, evicts = 5, forgets = 100, others = true }, 60, 400)
  lu.assertEquals(refused, 0)
end

function T.test_with_marks_out_of_order_nothing_that_was_purged_is_served()
  math.randomseed(5)
  local _, _, refused = play({ varies = true, late = 2, forgets = 200, others = true }, 60, 400)
  lu.assertEquals(refused, 0)
end

function T.test_with_answers_in_flight_nothing_that_was_purged_is_served()
  math.randomseed(6)
  local _, _, refused = play({ varies = true, slow = 2, late = 4, others = true }, 60, 400)
  lu.assertEquals(refused, 0)
end

function T.test_with_answers_that_vary_now_and_then_nothing_that_was_purged_is_served()
  math.randomseed(7)
  local _, _, refused = play({ varies = true, flips = 10, slow = 3, late = 4, others = true }, 150, 400)
  lu.assertEquals(refused, 0)
end

-- A record may be lost between the heads of two answers and their bodies: whoever would get what was purged gets nothing.
function T.test_whatever_goes_wrong_at_once_nothing_that_was_purged_is_served()
  math.randomseed(8)
  local hits, _, refused = play(
    { varies = true, flips = 30, slow = 3, late = 4, others = true, evicts = 5, forgets = 100 }, 150, 400)
  lu.assertTrue(hits > 0.2, hits)
  lu.assertTrue(refused < 0.01, refused)
end

function T.test_more_tags_than_are_looked_after_are_all()
  local id, key = new_id(), "many"
  put(id, NOW, { tags = { "x" } })
  for number = 1, 65 do tag_index.note({}, id, key, NOW, tags.of("tag-" .. number, nil), "", 0) end
  lu.assertEquals(tag_index.epoch({}, id, key, 0), NOW)
  put(id, NOW + 1, { tags = { "never said" } })
  lu.assertEquals(tag_index.epoch({}, id, key, 0), NOW + 1)
end

function T.test_a_lock_of_a_worker_that_died_holds_nobody_up_for_long()
  local id, key = new_id(), "locked"
  put(id, NOW, { tags = { "x" } })
  tagidx:add(ngx.md5_bin(key) .. "lock", true)
  tag_index.note({}, id, key, NOW, tags.of("one", nil), "", 0)
  put(id, NOW + 1, { tags = { "other" } })
  lu.assertEquals(tag_index.epoch({}, id, key, 0), NOW)
end

return T
