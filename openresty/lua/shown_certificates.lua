-- Which certificate a name is shown: what a worker has parsed, and keeps until another one counts. Any phase, without a yield.
-- Reads the store of certificates, secrets and what distributions say through their modules.
local certificate = require "certificate"
local certificates = require "certificates"
local facts = require "facts"
local lrucache = require "resty.lrucache"
local traits = require "traits"

local ngx = ngx
local find, sub = string.find, string.sub
local huge, min = math.huge, math.min
local time = ngx.time

-- Some 12 KB each. To parse one again costs a handshake a quarter of its time; with OpenSSL 3.0, as much as a handshake
-- (docs/benchmarks.md, bench:acme).
local LRU_SIZE = 25000
local PLATFORM, STAND_IN = certificate.PLATFORM, certificate.STAND_IN

local lru = assert(lrucache.new(LRU_SIZE))
-- What was found for a name, for as long as nothing changed and no certificate for it has begun or ended.
local found_for = assert(lrucache.new(LRU_SIZE))
-- The same of what stands in.
local stand_in = { changes = 0 }

local M = {}

-- What this worker has parsed of a certificate: `current` and, until that has its keys, `former`.
local function load(id, generation)
  -- Between the two look-ups the value may be let go of, for another one: then that is asked for.
  for _ = 1, 3 do
    local current, former = certificates.versions_of(id)
    if not current then
      lru:delete(id)
      return nil
    end
    local entry = lru:get(id)
    if entry and entry.version == current then
      entry.generation = generation
      return entry
    end
    local decoded = certificates.read(id, current)
    if decoded then
      entry = { version = current, generation = generation, current = decoded, former = certificates.read(id, former) }
      lru:set(id, entry)
      return entry
    end
  end
end

local function entry_of(id)
  local generation = facts.generation()
  local entry = lru:get(id)
  if entry and entry.generation == generation then return entry end
  return load(id, generation)
end

local function is_whole(decoded)
  if decoded.is_whole or decoded.has_fault then return decoded.is_whole end
  local fault
  fault, decoded.is_whole = certificate.take_keys(decoded)
  if fault then
    decoded.has_fault = true
    ngx.log(ngx.ERR, "a certificate is not shown: ", decoded.id, " rev ", decoded.rev, ": ", fault)
  end
  return decoded.is_whole
end

-- The version that can be shown.
local function shown_of(entry)
  if is_whole(entry.current) then return entry.current end
  local former = entry.former
  if former and is_whole(former) then return former end
end

local function is_valid(shown, now) return shown.not_before <= now and now < shown.not_after end

local function is_better(shown, best, now)
  if not best then return true end
  local valid, best_valid = is_valid(shown, now), is_valid(best, now)
  if valid ~= best_valid then return valid end
  return shown.not_after > best.not_after
end

local function next_change(shown, now)
  if now < shown.not_before then return shown.not_before end
  return now < shown.not_after and shown.not_after or huge
end

-- Of an account's certificates for a name (or wildcard) as it is written in them; and when it may be another one.
local function best_for(account, name, now)
  local best, changes = nil, huge
  for _, id in certificates.each_of(account, name) do
    local entry = entry_of(id)
    local shown = entry and shown_of(entry)
    if shown and shown.is_of[name] then
      changes = min(changes, next_change(shown, now))
      if is_better(shown, best, now) then best = shown end
    end
  end
  return best, changes
end

local function search(name, account, now)
  local dot = find(name, ".", 1, true)
  local wildcard = dot and "*" .. sub(name, dot)
  local late, changes = nil, huge
  for turn = account and 1 or 3, 4 do
    local asked = turn % 2 == 1 and name or wildcard
    local found, at
    if asked then
      found, at = best_for(turn < 3 and account or PLATFORM, asked, now)
      changes = min(changes, at)
    end
    if found and is_valid(found, now) then return found, changes end
    late = late or found
  end
  return late, changes
end

--- Whether a certificate is for this account's names at all.
function M.is_for(shown, account) return shown.account == account or shown.account == PLATFORM end

--- The certificate for a name (lower case): of those that hold now the exact one, else the wildcard's; of
-- several the one that ends last. An expired one is better than a stranger's: it says who is asked, and the clock that
-- finds it expired may be this edge's. A customer's certificate serves that customer's distributions alone: anybody may
-- make one for any name. nil: there is none.
function M.find(name)
  local now, generation = time(), facts.generation()
  local known = found_for:get(name)
  if known and known.generation == generation and now < known.changes then return known.shown end
  local distribution = traits.of(name)
  local shown, changes = search(name, distribution and distribution.account, now)
  -- Names that nobody has are as many as somebody likes to ask for.
  if distribution then found_for:set(name, { generation = generation, changes = changes, shown = shown }) end
  return shown
end

--- What a viewer is shown who asks for a distribution's name for which `find` has nothing: the platform's certificate, when it
-- is here. It is not the name's: only a handshake may ask for it, and nothing may follow from it. nil: the fallback certificate.
function M.stand_in(name)
  if not traits.of(name) then return nil end
  local now, generation = time(), facts.generation()
  if stand_in.generation ~= generation or now >= stand_in.changes then
    local shown, changes = best_for(PLATFORM, STAND_IN, now)
    stand_in = { generation = generation, changes = changes, shown = shown }
  end
  return stand_in.shown
end

return M
