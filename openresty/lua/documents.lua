-- The store of documents: what every host of this edge is served by. Owns the dicts `documents` (immutable values),
-- `pointers` (which value counts) and `hosts` (whose a name is). Reading: any phase. Writing: init_by_lua and the control
-- socket, one writer at a time. A failed write leaves the last good version; nothing is ever flushed while it serves.
local check_roster = require "check_roster"
local document = require "document"
local facts = require "facts"
local lrucache = require "resty.lrucache"
local pointer_text = require "pointer"

local ngx = ngx
local documents, pointers, hosts = ngx.shared.documents, ngx.shared.pointers, ngx.shared.hosts
local concat = table.concat
local gmatch, sub = string.gmatch, string.sub
local ipairs, pairs = ipairs, pairs
local is_newer, pointer_of, rev_of = pointer_text.is_newer, pointer_text.of, pointer_text.rev_of
local ceil = math.ceil

-- A worker may still hold the pointer to an old value.
local OLD_VALUE_SECONDS = 60
-- 100,000 old values wait in 100 timers.
local FORGET_AT_ONCE = 1000
local FILLED_AT_MOST = 0.7
local LRU_SIZE = 1000
-- nginx's slab: an entry costs its node, key and value, rounded up to a power of two, from half a page on to pages.
local NODE_BYTES, PAGE_BYTES = 72, 4096

local lru = assert(lrucache.new(LRU_SIZE))

local M = {}

-- The names of the entries in the dicts.
local function value_key(id, pointer) return id .. "|" .. pointer end
local function reserved_key(id) return id .. "|reserved" end

local function rounded_bytes(bytes)
  if bytes > PAGE_BYTES / 2 then return ceil(bytes / PAGE_BYTES) * PAGE_BYTES end
  local slot = 8
  while slot < bytes do slot = slot * 2 end
  return slot
end

local function cost(key, body) return rounded_bytes(NODE_BYTES + #key + #body) end

local bytes_max = ceil(documents:capacity() * FILLED_AT_MOST)
function M.bytes_max() return bytes_max end

-- Values that no pointer names any more, kept for the workers that were reading them.
local forgotten = {}

local function delete_value(key)
  -- A value that was replaced may count again by now: another feed, the same revision.
  if pointers:get(sub(key, 1, 36)) == sub(key, 38) then return end
  local body = documents:get(key)
  if not body then return end
  documents:delete(key)
  facts.count_document_bytes(-cost(key, body))
end

local function delete_values(_, keys)
  for _, key in ipairs(keys) do delete_value(key) end
end

local function forget(key)
  if ngx.get_phase() == "init" then return delete_value(key) end
  forgotten[#forgotten + 1] = key
  if #forgotten >= FORGET_AT_ONCE then M.forget_old() end
end

--- Lets go of replaced values, a minute from now.
function M.forget_old()
  if #forgotten == 0 then return end
  local keys = forgotten
  forgotten = {}
  local ok, err = ngx.timer.at(OLD_VALUE_SECONDS, delete_values, keys)
  if not ok then
    ngx.log(ngx.NOTICE, "old documents are let go of at once: ", err)
    delete_values(false, keys)
  end
end

-- Hosts that records of this turn let go of, and who did: each stays its former one's until another record takes it or the
-- turn ends, so that no viewer comes in between and finds nobody.
local leaving = {}

local function take_hosts(names, id)
  local taken = {}
  for _, host in ipairs(names) do
    leaving[host] = nil
    local owner = hosts:get(host)
    if owner and owner ~= id then
      -- Held by nobody that is served: same width, overwritten in place.
      hosts:set(host, id)
    elseif not owner then
      local ok, err = hosts:safe_add(host, id)
      if not ok then return nil, err, taken end
      taken[#taken + 1] = host
    end
  end
  return true
end

local function release_hosts(names, id)
  for _, host in ipairs(names) do
    if hosts:get(host) == id then hosts:delete(host) end
  end
end

local function hosts_that_left(old, new)
  local kept, left = {}, {}
  for _, host in ipairs(new) do kept[host] = true end
  for _, host in ipairs(old) do
    if not kept[host] then left[#left + 1] = host end
  end
  return left
end

local function held_hosts(id, pointer)
  local body = documents:get(value_key(id, pointer))
  local old = body and document.decode(body, id)
  return old and old.hosts or {}
end

-- Whoever has let go of it holds it no more, though it may still be listed as theirs.
local function holder_of(host, id)
  local owner = hosts:get(host)
  local pointer = owner and owner ~= id and pointers:get(owner)
  if not pointer then return nil end
  for _, held in ipairs(held_hosts(owner, pointer)) do
    if held == host then return owner end
  end
end

-- Names of a distribution that has no good version: they are its own, and answer 503.
local function unreserve(id, kept)
  local key = reserved_key(id)
  local text = documents:get(key)
  if not text then return end
  local names = {}
  for host in gmatch(text, "%S+") do names[#names + 1] = host end
  release_hosts(hosts_that_left(names, kept), id)
  documents:delete(key)
end

local function reserve(id, decoded)
  local names = document.hosts_of(decoded)
  if not names or pointers:get(id) then return end
  for _, host in ipairs(names) do
    if holder_of(host, id) then return end
  end
  unreserve(id, names)
  if documents:safe_add(reserved_key(id), concat(names, " ")) then take_hosts(names, id) end
end

local function store_value(key, body)
  local bytes = cost(key, body)
  if facts.document_bytes() + bytes > bytes_max then return nil, "the memory for documents is full" end
  local ok, err = documents:safe_add(key, body)
  if ok then
    facts.count_document_bytes(bytes)
    return true
  end
  -- The same revision of the same body: it was pushed before.
  if err == "exists" then return true end
  return nil, "the memory for documents: " .. err
end

local function point_at(id, pointer, had)
  if had then return pointers:set(id, pointer) end
  return pointers:safe_add(id, pointer)
end

local function switch(record, decoded, key)
  local id, pointer = record.id, pointer_of(record)
  local old = pointers:get(id)
  local taken, err, partly = take_hosts(decoded.hosts, id)
  if not taken then
    release_hosts(partly, id)
    return nil, "the memory for hosts: " .. err
  end
  local left = old and hosts_that_left(held_hosts(id, old), decoded.hosts)
  local ok, failure = point_at(id, pointer, old)
  if not ok then return nil, "the memory for pointers: " .. failure end
  unreserve(id, decoded.hosts)
  if not old then facts.count_documents(1) end
  for _, host in ipairs(left or {}) do leaving[host] = id end
  if old and old ~= pointer then forget(value_key(id, old)) end
  check_roster.note(id, decoded.origin.has_checks)
  return true
end

--- Makes the record's document the one that is served, unless a newer one is. On failure: nil, a message and, when a host
-- is another's, `true`; what was served still is.
function M.put(record)
  local current = pointers:get(record.id)
  if current and is_newer(current, record) then return true end
  local decoded, fault, partly = document.decode(record.body, record.id)
  if not decoded then
    reserve(record.id, partly)
    return nil, fault
  end
  for _, host in ipairs(decoded.hosts) do
    local owner = holder_of(host, record.id)
    if owner then return nil, "the host " .. host .. " belongs to " .. owner, true end
  end
  local key = value_key(record.id, pointer_of(record))
  local stored, err = store_value(key, record.body)
  if not stored then
    reserve(record.id, decoded)
    return nil, err
  end
  local switched, failure = switch(record, decoded, key)
  if not switched then
    delete_value(key)
    return nil, failure
  end
  return true
end

--- Keeps the names of a distribution that has no good version: they answer 503 and are nobody else's.
function M.reserve(record)
  local decoded, _, partly = document.decode(record.body, record.id)
  reserve(record.id, decoded or partly)
end

--- Takes a distribution off this edge, unless a newer record has put it there.
function M.remove(record)
  local id = record.id
  local pointer = pointers:get(id)
  if pointer and is_newer(pointer, record) then return end
  unreserve(id, {})
  if not pointer then return end
  check_roster.note(id, false)
  release_hosts(held_hosts(id, pointer), id)
  pointers:delete(id)
  facts.count_documents(-1)
  forget(value_key(id, pointer))
end

--- Marks the dicts as filled. A reload that changes a dict's size empties it, and the mark goes with it.
function M.mark_loaded()
  return documents:safe_set("loaded", "1") and pointers:safe_set("loaded", "1") and hosts:safe_set("loaded", "1")
    and check_roster.mark_loaded()
end

function M.is_loaded()
  return documents:get("loaded") and pointers:get("loaded") and hosts:get("loaded") and check_roster.is_loaded()
end

--- Before a load only: forgets what a reload with other sizes has left in some of the dicts.
function M.clear()
  documents:flush_all()
  pointers:flush_all()
  hosts:flush_all()
  documents:flush_expired()
  pointers:flush_expired()
  hosts:flush_expired()
  check_roster.clear()
  facts.forget_counts()
end

local function load(id, generation)
  -- Twice at most: the value may be let go of between the two look-ups only if it was replaced a minute ago.
  for _ = 1, 2 do
    local pointer = pointers:get(id)
    if not pointer then
      lru:delete(id)
      return nil
    end
    local entry = lru:get(id)
    if entry and entry.pointer == pointer then
      entry.generation = generation
      return entry.document, entry.rev
    end
    local body = documents:get(value_key(id, pointer))
    local decoded = body and document.decode(body, id)
    if decoded then
      local rev = rev_of(pointer)
      lru:set(id, { document = decoded, pointer = pointer, rev = rev, generation = generation })
      return decoded, rev
    end
  end
end

--- The document of a distribution, decoded, and its revision. What a worker has decoded counts while nothing changed.
function M.find(id)
  local generation = facts.generation()
  local entry = lru:get(id)
  if entry and entry.generation == generation then return entry.document, entry.rev end
  return load(id, generation)
end

--- Which version of a distribution counts; nil when there is none.
function M.version_of(id) return pointers:get(id) end

--- The text as it was compiled, for those who want to look.
function M.find_text(id)
  local pointer = pointers:get(id)
  if not pointer then return nil end
  return documents:get(value_key(id, pointer)), rev_of(pointer)
end

--- At the end of a turn of records: what was let go of and nobody took is nobody's.
function M.let_go()
  local left = leaving
  leaving = {}
  for host, id in pairs(left) do release_hosts({ host }, id) end
end

--- Changes whenever another document counts; nil when there is none.
function M.pointer_of(id) return pointers:get(id) end

--- Whose this exact name is (a wildcard is `*.` and the rest).
function M.id_of_host(host) return hosts:get(host) end

return M
