-- The store of purge marks: since when whatever is stored is too old, for a distribution, a path prefix, a URL or a tag. A
-- mark holds an epoch, which the control plane gives and which rises with each purge; the newest that matches is part of the
-- key of a stored answer. Owns the dict `marks`, and `epochs` through its module. Written from the feed alone, one writer at
-- a time; nothing is evicted: what finds no room raises the epoch of its whole distribution instead, which purges more, and
-- nobody else's. Reading: any phase.
local cache_rules = require "cache_rules"
local clock = require "clock"
local documents = require "documents"
local epochs = require "epochs"
local facts = require "facts"
local purge = require "purge"
local query = require "query"

local ngx = ngx
local marks = ngx.shared.marks
local md5_bin = ngx.md5_bin
local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift
local find, sub = string.find, string.sub
local ceil, floor, huge, max, min = math.ceil, math.floor, math.huge, math.max, math.min
local ipairs = ipairs

-- No stored answer is found for longer than its era, 30 days (cache_key.lua). A day more for clocks.
local KEPT_SECONDS = 31 * 86400
-- Above so many, a distribution's oldest half folds into one mark of the whole; fewer where memory is short.
local PER_DISTRIBUTION_MAX, PER_DISTRIBUTION_MIN = 200000, 1000
local FILLED_AT_MOST = 0.8
-- What a distribution has is listed by age, in buckets of seventy minutes: a month has 638.
local BUCKET_MS, BUCKETS_MAX = 2 ^ 22, 1000
-- Viewers are answered in between.
local FOLDED_AT_ONCE = 2000
-- A worker that has looked at the old epoch of the whole looks for marks at once.
local LOOK_SECONDS = 0.01

local URL, PREFIX, TAG = "u", "p", "t"

local M = {}

local function key_of(kind, id, text) return md5_bin(kind .. id .. text) end
local function list_key(id, bucket) return "b" .. id .. bucket end
local function count_key(id) return "n" .. id end
local function bucket_of(epoch) return floor(epoch / BUCKET_MS) end

--- How many marks a distribution may have. Fewer the fuller the memory is, so that few cannot take what all need.
local function count_max()
  local free = marks:free_space() / marks:capacity()
  local spare = 1 - FILLED_AT_MOST
  if free >= spare then return PER_DISTRIBUTION_MAX end
  return max(PER_DISTRIBUTION_MIN, floor(PER_DISTRIBUTION_MAX * (free / spare) ^ 2))
end

local function write_entry(id, entry) return epochs.write(id, entry, KEPT_SECONDS) end

-- Whoever looks from now on sees the higher epoch of the whole. Whether it was lower.
local function raise_all(id, entry, epoch)
  if epoch <= entry.all then return false end
  entry.all = epoch
  write_entry(id, entry)
  facts.note_change()
  return true
end

local function pause(seconds)
  local phase = ngx.get_phase()
  if phase == "content" or phase == "timer" then ngx.sleep(seconds) end
end

-- Marks go after the epoch of the whole stands for them, and when nobody is looking who has not seen that.
local function let_go(id, entry, keys, top)
  if #keys == 0 then return end
  pause(raise_all(id, entry, top) and LOOK_SECONDS or 0)
  for _, key in ipairs(keys) do marks:delete(key) end
end

-- Takes up to `wanted` marks off the lists, the oldest buckets first, and makes one of the whole of them. Those newer than
-- `ceiling` stay.
local function fold(id, entry, last, wanted, ceiling)
  local keys, top, taken = {}, 0, 0
  for bucket = entry.oldest, last do
    entry.oldest = bucket
    local name = list_key(id, bucket)
    for _ = 1, min(marks:llen(name) or 0, wanted - taken) do
      local key = marks:rpop(name)
      local epoch = key and marks:get(key)
      taken = taken + 1
      if epoch and epoch > ceiling then
        marks:lpush(name, key)
        marks:expire(name, KEPT_SECONDS)
      elseif epoch and bucket_of(epoch) <= bucket then
        keys[#keys + 1], top = key, max(top, epoch)
      end
      if #keys == FOLDED_AT_ONCE then
        let_go(id, entry, keys, top)
        keys = {}
      end
    end
    if taken >= wanted then break end
  end
  let_go(id, entry, keys, top)
  write_entry(id, entry)
end

-- The count grows with what is put and knows nothing of what has expired.
local function count_anew(id, entry)
  local count = 0
  for bucket = entry.oldest, entry.newest do count = count + (marks:llen(list_key(id, bucket)) or 0) end
  marks:set(count_key(id), count, KEPT_SECONDS)
  return count
end

local function fold_oldest_half(id, entry)
  local count = count_anew(id, entry)
  if count <= count_max() then return end
  fold(id, entry, entry.newest, ceil(count / 2), huge)
  count_anew(id, entry)
end

-- Forgets the marks that the epoch of the whole has overtaken.
local function sweep(id, entry)
  fold(id, entry, min(entry.newest, bucket_of(entry.all)), huge, entry.all)
  if count_anew(id, entry) > 0 then return end
  entry.has_urls, entry.depths = false, 0
  write_entry(id, entry)
end

-- nil when there is no room for one more.
local function list(id, entry, key, epoch)
  local bucket = bucket_of(epoch)
  if entry.newest == 0 then entry.oldest, entry.newest = bucket, bucket end
  entry.newest = max(entry.newest, bucket)
  -- Far older than the newest: listed as if it were not so old, so that nobody has to look through centuries.
  bucket = max(bucket, entry.newest - BUCKETS_MAX)
  entry.oldest = max(min(entry.oldest, bucket), entry.newest - BUCKETS_MAX)
  local name = list_key(id, bucket)
  if not marks:lpush(name, key) then return nil end
  marks:expire(name, KEPT_SECONDS)
  local counted = count_key(id)
  if not marks:incr(counted, 1) then marks:safe_set(counted, 1, KEPT_SECONDS) end
  marks:expire(counted, KEPT_SECONDS)
  return true
end

-- nil when there is no room for it.
local function mark(id, entry, key, epoch)
  local known = marks:get(key)
  if known then
    if known >= epoch then return true end
    -- Of one width: nginx overwrites it in place.
    marks:set(key, epoch, KEPT_SECONDS)
    return bucket_of(known) == bucket_of(epoch) or list(id, entry, key, epoch)
  end
  if not marks:safe_set(key, epoch, KEPT_SECONDS) then return nil end
  return list(id, entry, key, epoch)
end

-- A URL as this distribution's answers are kept now: parameters that its rule leaves out must not make a purge miss.
local function kept_url(id, url)
  local document = documents.find(id)
  if not document then return url end
  local path = purge.path_of(url)
  local rule = cache_rules.find(document.cache, path)
  return path .. query.kept(rule and rule.query, sub(url, #path + 1))
end

local function mark_urls(id, entry, urls, epoch)
  for _, url in ipairs(urls) do
    entry.has_urls = true
    if not mark(id, entry, key_of(URL, id, url), epoch) then return nil end
    local kept = find(url, "?", 1, true) and kept_url(id, url) or url
    if kept ~= url and not mark(id, entry, key_of(URL, id, kept), epoch) then return nil end
  end
  return true
end

local function mark_prefixes(id, entry, prefixes, epoch)
  for _, prefix in ipairs(prefixes) do
    local depth, text = purge.prefix(prefix)
    entry.depths = bor(entry.depths, lshift(1, depth - 1))
    if not mark(id, entry, key_of(PREFIX, id, text), epoch) then return nil end
  end
  return true
end

local function mark_tags(id, entry, tags, epoch)
  for _, tag in ipairs(tags) do
    if not mark(id, entry, key_of(TAG, id, M.tag_hash(tag)), epoch) then return nil end
  end
  if #tags > 0 then
    entry.tag = max(entry.tag, epoch)
    -- Unlike any before it, though the dict was emptied in between.
    entry.turn = max(entry.turn + 1, floor(ngx.now() * 1000))
  end
  return true
end

local NONE = {}

local function mark_all(id, entry, wanted)
  local epoch = wanted.epoch
  return mark_urls(id, entry, wanted.urls or NONE, epoch) and mark_prefixes(id, entry, wanted.prefixes or NONE, epoch)
    and mark_tags(id, entry, wanted.tags or NONE, epoch)
end

--- Eight bytes that stand for a tag.
function M.tag_hash(tag) return sub(md5_bin(tag), 1, 8) end

--- Marks what a purge names. A mark never goes down. nil and a message when it is no purge.
function M.put(record)
  local wanted, fault = purge.decode(record.body)
  if not wanted then return nil, fault end
  -- Marks go by the same time as eras do.
  clock.now()
  local id, epoch = wanted.distribution, wanted.epoch
  local entry = epochs.read(id) or epochs.new()
  if epoch <= entry.all then return true end
  -- First of all, so that there is room for it when there is none for a mark.
  local ok, err = write_entry(id, entry)
  if not ok then return nil, "the memory for epochs: " .. err end
  marks:incr("purges", 1)
  local has_room = mark_all(id, entry, wanted)
  if wanted.all or not has_room then
    if raise_all(id, entry, epoch) then pause(LOOK_SECONDS) end
    sweep(id, entry)
    return true
  end
  write_entry(id, entry)
  local count = marks:get(count_key(id)) or 0
  if count > PER_DISTRIBUTION_MIN and count > count_max() then fold_oldest_half(id, entry) end
  return true
end

--- A purge that the control plane has forgotten stays one here: marks expire by themselves.
function M.remove() end

local function prefix_epoch(id, depths, path, epoch)
  local at = 0
  while depths ~= 0 do
    at = find(path, "/", at + 1, true)
    if not at then return epoch end
    if band(depths, 1) == 1 then
      local found = marks:get(key_of(PREFIX, id, sub(path, 1, at)))
      if found and found > epoch then epoch = found end
    end
    depths = rshift(depths, 1)
  end
  return epoch
end

local function url_epoch(id, url, epoch)
  local found = marks:get(key_of(URL, id, url))
  if found and found > epoch then return found end
  return epoch
end

--- Since when whatever is stored of this target counts, its tags aside. `at_least`: another edge knows that much.
function M.epoch(id, target, path, at_least)
  local entry = epochs.find(id)
  local epoch = entry.all
  if at_least and at_least > epoch then epoch = at_least end
  if entry.depths ~= 0 then epoch = prefix_epoch(id, entry.depths, path, epoch) end
  if entry.has_urls then
    epoch = url_epoch(id, target, epoch)
    -- A URL that was purged without a query stands for all of its queries.
    if #path ~= #target then epoch = url_epoch(id, path, epoch) end
  end
  return epoch
end

--- The epoch of a tag, by its hash; nil when it has none.
function M.tag_epoch(id, hash) return marks:get(key_of(TAG, id, hash)) end

--- What is kept of a distribution's purges, for those who want to look; nil when there were none.
function M.show(id)
  local entry = epochs.read(id)
  if not entry then return nil end
  return {
    all = entry.all, tag = entry.tag, depths = entry.depths, has_urls = entry.has_urls,
    count = marks:get(count_key(id)) or 0,
  }
end

--- How many purges this nginx has taken.
function M.purges() return marks:get("purges") or 0 end
function M.bytes() return marks:capacity() - marks:free_space() end
function M.bytes_max() return marks:capacity() end

--- Marks the dicts as filled. A reload that changes a dict's size empties it, and this goes with it.
function M.mark_loaded()
  return marks:safe_set("loaded", "1") and marks:safe_set("purges", 0) and epochs.mark_loaded()
end

function M.is_loaded() return marks:get("loaded") and epochs.is_loaded() end

--- Before a load only.
function M.clear()
  marks:flush_all()
  marks:flush_expired()
  epochs.clear()
end

return M
