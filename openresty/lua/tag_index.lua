-- Which tags the answers have that are stored under a key: tags are the origin's, so they are unknown when a key is made.
-- Where a record is missing (evicted, a restart), any tag may be the answer's: its epoch is then the newest of the
-- distribution's tag marks, which purges more, never less. Owns the dict `tagidx`, which may evict. Phases: access reads,
-- header_filter writes.
local epochs = require "epochs"
local marks = require "marks"
local tags = require "tags"

local ngx = ngx
local dict = ngx.shared.tagidx
local decode, md5_bin = ngx.decode_base64, ngx.md5_bin
local byte, find, format, gmatch, gsub, sub = string.byte, string.find, string.format, string.gmatch, string.gsub, string.sub
local huge, max, random = math.huge, math.max, math.random
local tonumber = tonumber

local HASH_BYTES, HASHES_MAX = 8, 64
local LOCK_SECONDS, LOCK_TRIES = 0.05, 1000

-- A record: its kind, the epoch that its answers are stored under, and for
-- PLAIN: the turn of the marks that they were checked against, and the hashes of their tags;
-- ANY: nothing, whatever is purged may be one of them;
-- VARY: a number of its own, and the request headers that they vary by. Each combination of their values has a record of its
-- own, PLAIN or ANY, under that number: whoever comes after a VARY that was given up must not find its records.
local PLAIN, ANY, VARY = byte("="), byte("*"), byte("V")
local HEAD_CHARS, PLAIN_CHARS, VARY_CHARS = 15, 29, 23

local M = {}

local function plain(epoch, turn, hashes) return format("=%014d%014d", epoch, turn) .. hashes end
local function any(epoch) return format("*%014d", epoch) end
local function varying(epoch, names) return format("V%014d%08x", epoch, random(0, 0xffffffff)) .. names end

local function epoch_of(record) return tonumber(sub(record, 2, HEAD_CHARS)) end
local function names_of(record) return sub(record, VARY_CHARS + 1) end
local function turn_of(record) return tonumber(sub(record, HEAD_CHARS + 1, PLAIN_CHARS)) end

-- Lengths instead of separators: no value can pass for two.
local function variant_name(var, key, record)
  local text = key .. "|" .. sub(record, HEAD_CHARS + 1)
  for name in gmatch(names_of(record), "[^,]+") do
    local value = var["http_" .. gsub(name, "-", "_")]
    text = text .. "|" .. (value and #value or "-") .. ":" .. (value or "")
  end
  return md5_bin(text)
end

-- Workers write by turns: what one reads and writes back must not lose what another has written in between. It takes
-- microseconds, so nobody sleeps; a lock that stays is of a worker that has died.
local function lock(name)
  for _ = 1, LOCK_TRIES do
    if dict:add(name .. "lock", true, LOCK_SECONDS) then return end
  end
end

local function unlock(name) dict:delete(name .. "lock") end

-- Whether one of the tags has a mark above `epoch`, and not above `newest`. `from`: where the hashes begin.
local function is_marked(id, hashes, from, epoch, newest)
  for at = from, #hashes, HASH_BYTES do
    local mark = marks.tag_epoch(id, sub(hashes, at, at + HASH_BYTES - 1))
    if mark and mark > epoch and mark <= newest then return true end
  end
  return false
end

-- So that nobody looks again until the next purge of a tag.
local function remember_check(name, record, turn)
  lock(name)
  -- Of equal length: overwritten in place.
  if dict:get(name) == record then dict:set(name, plain(epoch_of(record), turn, sub(record, PLAIN_CHARS + 1))) end
  unlock(name)
end

--- The epoch of what is stored under `key`, which was made with `epoch`: that of all other marks.
function M.epoch(var, id, key, epoch)
  local entry = epochs.find(id)
  if entry.tag <= epoch then return epoch end
  local name = md5_bin(key)
  local record = dict:get(name)
  if record and byte(record) == VARY then
    name = variant_name(var, key, record)
    record = dict:get(name)
  end
  if not record then return entry.tag end
  local stored_under = epoch_of(record)
  if byte(record) == ANY then return max(entry.tag, stored_under) end
  if turn_of(record) == entry.turn then return stored_under end
  if is_marked(id, record, PLAIN_CHARS + 1, stored_under, huge) then return max(entry.tag, stored_under) end
  remember_check(name, record, entry.turn)
  return stored_under
end

-- Whether tags are all among those of a record.
local function has_all(record, hashes)
  for at = 1, #hashes, HASH_BYTES do
    local hash, from = sub(hashes, at, at + HASH_BYTES - 1), PLAIN_CHARS + 1
    repeat
      from = find(record, hash, from, true)
      if not from then return false end
      local is_one = (from - PLAIN_CHARS - 1) % HASH_BYTES == 0
      from = from + 1
    until is_one
  end
  return true
end

local function joined(record, hashes)
  local all = sub(record, PLAIN_CHARS + 1)
  for at = 1, #hashes, HASH_BYTES do
    local hash = sub(hashes, at, at + HASH_BYTES - 1)
    if not has_all(record, hash) then all = all .. hash end
  end
  return all
end

-- The record of answers that come to the same requests, with one more. `hashes`: nil for any.
local function with_answer(record, epoch, hashes)
  local former = record and epoch_of(record) or -1
  -- What was stored under a former epoch is not found any more.
  if epoch > former then return hashes and plain(epoch, 0, hashes) or any(epoch) end
  if epoch < former or byte(record) == ANY then return record end
  if not hashes then return any(epoch) end
  if has_all(record, hashes) then return record end
  local all = joined(record, hashes)
  return #all <= HASHES_MAX * HASH_BYTES and plain(epoch, 0, all) or any(epoch)
end

-- The record under a key of an answer that varies. Whose answers once vary by this and once by that are any's.
local function with_variants(record, epoch, names)
  if not record then return varying(epoch, names) end
  local former = epoch_of(record)
  if byte(record) == VARY then
    return names_of(record) == names and record or any(max(epoch, former))
  end
  if epoch > former then return varying(epoch, names) end
  return epoch == former and any(epoch) or record
end

local function write(name, former, record)
  if record ~= former then dict:set(name, record) end
end

local function note_one(name, epoch, hashes)
  local record = dict:get(name)
  local is_mixed = record and byte(record) == VARY
  write(name, record, is_mixed and any(max(epoch, epoch_of(record))) or with_answer(record, epoch, hashes))
end

local function note_variant(var, name, key, epoch, hashes, vary)
  local record = dict:get(name)
  local under = with_variants(record, epoch, vary)
  write(name, record, under)
  if byte(under) == VARY then note_one(variant_name(var, key, under), epoch, hashes) end
end

-- The record that tells of this answer already: almost always there is one.
local function noted(var, name, key, epoch, hashes, vary)
  local record = dict:get(name)
  if record and vary ~= "" and byte(record) == VARY and names_of(record) == vary then
    record = dict:get(variant_name(var, key, record))
  end
  if not record or byte(record) == VARY or epoch_of(record) ~= epoch then return nil end
  if byte(record) == ANY or (hashes and has_all(record, hashes)) then return record end
end

local function note(var, name, key, epoch, hashes, vary)
  lock(name)
  if vary == "" then
    note_one(name, epoch, hashes)
  else
    note_variant(var, name, key, epoch, hashes, vary)
  end
  unlock(name)
end

local function is_checked(record, entry) return record and byte(record) == PLAIN and turn_of(record) == entry.turn end

--- What is stored under `key` and `epoch` has these tags (as `tags` writes them) and varies by these headers. `newest`: that
-- of the distribution's tag marks when it was looked up. Returns whether one of its tags was purged then: it was found
-- because a record was lost while answers were under way.
function M.note(var, id, key, epoch, text, vary, newest)
  local hashes = text == tags.NONE and "" or text ~= tags.ANY and decode(text) or nil
  local name = md5_bin(key)
  local record, entry = noted(var, name, key, epoch, hashes, vary), epochs.find(id)
  if not record then
    note(var, name, key, epoch, hashes, vary)
    if text ~= tags.NONE and not dict:get(id) then dict:set(id, true) end
  end
  if newest <= epoch or is_checked(record, entry) then return false end
  return hashes == nil or is_marked(id, hashes, 1, epoch, newest)
end

--- Whether answers of a distribution have tags, or it has purged some.
function M.is_used(id) return dict:get(id) or epochs.find(id).tag > 0 end

return M
