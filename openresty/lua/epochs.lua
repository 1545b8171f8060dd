-- What is known of a distribution's purges at one glance: one entry of fixed width each, so that nginx overwrites it in
-- place. Owns the dict `epochs`. Written by `marks` alone; read in any phase, from a worker's own copy while nothing
-- changes.
local facts = require "facts"
local lrucache = require "resty.lrucache"

local epochs = ngx.shared.epochs
local format, match = string.format, string.match
local tonumber = tonumber

-- As documents.lua: as many distributions as a worker serves at a time.
local LRU_SIZE = 1000
local FORMAT = "%014d%014d%014d%08x%d%08d%08d"
local PATTERN = "^(" .. ("%d"):rep(14) .. ")(" .. ("%d"):rep(14) .. ")(" .. ("%d"):rep(14) .. ")(" .. ("%x"):rep(8) ..
  ")(%d)(" .. ("%d"):rep(8) .. ")(" .. ("%d"):rep(8) .. ")$"

local lru = assert(lrucache.new(LRU_SIZE))

local M = {}

--- all: the epoch of the whole distribution. tag: that of its newest tag mark. turn: another number whenever a tag mark
-- came. depths: a bit for each depth of the prefixes that have marks. has_urls. oldest, newest: the buckets in which
-- `marks` lists what it holds.
function M.read(id)
  local text = epochs:get(id)
  if not text then return nil end
  local all, tag, turn, depths, has_urls, oldest, newest = match(text, PATTERN)
  return {
    all = tonumber(all), tag = tonumber(tag), turn = tonumber(turn), depths = tonumber(depths, 16),
    has_urls = has_urls == "1", oldest = tonumber(oldest), newest = tonumber(newest),
  }
end

function M.new() return { all = 0, tag = 0, turn = 0, depths = 0, has_urls = false, oldest = 0, newest = 0 } end

--- nil and why, when there is no memory for another distribution: never for one that has an entry.
function M.write(id, entry, seconds)
  local text = format(FORMAT, entry.all, entry.tag, entry.turn, entry.depths, entry.has_urls and 1 or 0, entry.oldest,
    entry.newest)
  if epochs:get(id) then return epochs:set(id, text, seconds) end
  return epochs:safe_set(id, text, seconds)
end

local function load(id, generation)
  local entry = M.read(id) or M.new()
  entry.generation = generation
  lru:set(id, entry)
  return entry
end

--- The entry, for reading only; one without anything when there is none.
function M.find(id)
  local generation = facts.generation()
  local entry = lru:get(id)
  if entry and entry.generation == generation then return entry end
  return load(id, generation)
end

function M.mark_loaded() return epochs:safe_set("loaded", "1") end
function M.is_loaded() return epochs:get("loaded") end

--- Before a load only.
function M.clear()
  epochs:flush_all()
  epochs:flush_expired()
end

return M
