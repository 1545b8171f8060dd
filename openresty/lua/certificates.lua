-- The store of certificates: what a name is served with over TLS. Owns the dicts `certificates` (immutable values) and
-- `certificate_index` (which versions count, and which certificates have a name; entries of fixed width). Writing: init_by_lua
-- and the control socket, one writer at a time. A record that fails leaves the last good version, and so does one whose keys
-- are not here yet, until they are. What is shown of it: shown_certificates.lua.
local certificate = require "certificate"
local pointer = require "pointer"

local ngx = ngx
local certificates, index = ngx.shared.certificates, ngx.shared.certificate_index
local find, rep, sub = string.find, string.rep, string.sub
local ipairs = ipairs

local FILLED_AT_MOST = 0.7
-- A name's certificates: one that serves, the next one, an uploaded and an issued one side by side.
local AT_ONCE_MAX = 8
local ID_WIDTH = 36
local NO_POINTER = rep(" ", pointer.WIDTH)

local M = {}

-- The names of the entries in the dicts.
local function value_key(id, version) return id .. "|" .. version end
local function versions_key(id) return "v|" .. id end
local function name_key(account, name) return "n|" .. account .. "|" .. name end

-- The version that counts, and the one that serves until the first has its keys.
local function versions_of(id)
  local text = index:get(versions_key(id))
  if not text then return nil end
  local former = sub(text, pointer.WIDTH + 1)
  return sub(text, 1, pointer.WIDTH), former ~= NO_POINTER and former or nil
end

local function decoded_version(id, version)
  local body = version and certificates:get(value_key(id, version))
  local decoded = body and certificate.read(body)
  if not decoded then return nil end
  decoded.id, decoded.rev = id, pointer.rev_of(version)
  return decoded
end

-- The ids in a name's entry; blanks fill it up.
local function place_of(ids, id)
  for place = 1, #ids, ID_WIDTH do
    if sub(ids, place, place + ID_WIDTH - 1) == id then return place end
  end
end

local function put_at(ids, place, id) return sub(ids, 1, place - 1) .. id .. sub(ids, place + ID_WIDTH) end

local NOBODY = rep(" ", ID_WIDTH)

local function take_name(account, name, id)
  local key = name_key(account, name)
  local ids = index:get(key)
  if not ids then
    local ok, err = index:safe_add(key, id .. rep(NOBODY, AT_ONCE_MAX - 1))
    if not ok then return nil, "the memory for names: " .. err end
    return true
  end
  if place_of(ids, id) then return true end
  local place = place_of(ids, NOBODY)
  if not place then return nil, name .. ": has " .. AT_ONCE_MAX .. " certificates already" end
  return index:set(key, put_at(ids, place, id))
end

local function release_name(account, name, id)
  local key = name_key(account, name)
  local ids = index:get(key)
  local place = ids and place_of(ids, id)
  if not place then return end
  local left = put_at(ids, place, NOBODY)
  if find(left, "%S") then index:set(key, left) else index:delete(key) end
end

-- Of the ids in a name's entry, the next one from this place on.
local function next_id(ids, place)
  for at = place, #ids, ID_WIDTH do
    local id = sub(ids, at, at + ID_WIDTH - 1)
    if id ~= NOBODY then return at + ID_WIDTH, id end
  end
end

-- Lets go of a version's names but those of the versions that stay.
local function release_names(id, gone, kept, former)
  for _, name in ipairs(gone.names) do
    local is_kept = kept and kept.account == gone.account and kept.is_of[name]
    local is_former = former and former.account == gone.account and former.is_of[name]
    if not is_kept and not is_former then release_name(gone.account, name, id) end
  end
end

local function forget(id, version, kept, former)
  local gone = decoded_version(id, version)
  if gone then release_names(id, gone, kept, former) end
  certificates:delete(value_key(id, version))
end

local function store_value(key, body)
  if certificates:free_space() < certificates:capacity() * (1 - FILLED_AT_MOST) then
    return nil, "the memory for certificates is full"
  end
  local ok, err = certificates:safe_add(key, body)
  -- The same revision of the same body: it was pushed before.
  if ok or err == "exists" then return true end
  return nil, "the memory for certificates: " .. err
end

local function take_names(decoded, id)
  for _, name in ipairs(decoded.names) do
    local ok, err = take_name(decoded.account, name, id)
    -- Of those that stand in, one is as good as another.
    if not ok and name ~= certificate.STAND_IN then return nil, err end
  end
  return true
end

local function point_at(id, text, had)
  local key = versions_key(id)
  if had then return index:set(key, text) end
  local ok, err = index:safe_add(key, text)
  if not ok then return nil, "the memory for versions: " .. err end
  return true
end

-- The version that goes on serving when another comes: the current one when it has its keys, else the one before it.
local function serving_version(id, current, former)
  local decoded = decoded_version(id, current)
  if decoded then
    local _, is_whole = certificate.take_keys(decoded)
    if is_whole then return current, decoded end
  end
  return former, decoded_version(id, former)
end

local function switch(id, version, decoded, is_whole)
  local current, former = versions_of(id)
  local kept, kept_decoded
  if current and not is_whole then
    if current == version then return true end
    kept, kept_decoded = serving_version(id, current, former)
  end
  local ok, err = take_names(decoded, id)
  if ok then ok, err = point_at(id, version .. (kept or NO_POINTER), current) end
  if not ok then
    release_names(id, decoded, decoded_version(id, current), decoded_version(id, former))
    return nil, err
  end
  if current and current ~= version and current ~= kept then forget(id, current, decoded, kept_decoded) end
  if former and former ~= version and former ~= kept then forget(id, former, decoded, kept_decoded) end
  return true
end

--- Makes the record's certificate the one that is shown, unless a newer one is. On failure: nil and a message; what was
-- shown still is.
function M.put(record)
  local current, former = versions_of(record.id)
  if current and pointer.is_newer(current, record) then return true end
  local decoded, fault = certificate.decode(record.body)
  if not decoded then return nil, fault end
  local key_fault, is_whole = certificate.take_keys(decoded)
  if key_fault then return nil, key_fault end
  local version = pointer.of(record)
  local stored, err = store_value(value_key(record.id, version), record.body)
  if not stored then return nil, err end
  local ok, failure = switch(record.id, version, decoded, is_whole)
  if not ok then
    if version ~= current and version ~= former then certificates:delete(value_key(record.id, version)) end
    return nil, failure
  end
  return true
end

--- Takes a certificate off this edge, unless a newer record has put it there.
function M.remove(record)
  local id = record.id
  local current, former = versions_of(id)
  if not current or pointer.is_newer(current, record) then return end
  index:delete(versions_key(id))
  forget(id, current)
  if former then forget(id, former) end
end

--- Marks the dicts as filled. A reload that changes a dict's size empties it, and the mark goes with it.
function M.mark_loaded() return certificates:safe_set("loaded", "1") and index:safe_set("loaded", "1") end
function M.is_loaded() return certificates:get("loaded") and index:get("loaded") end

--- Before a load only: forgets what a reload with other sizes has left in some of the dicts.
function M.clear()
  certificates:flush_all()
  index:flush_all()
  certificates:flush_expired()
  index:flush_expired()
end

--- The versions of a certificate: which counts, and which serves until that has its keys; nil when there is none.
M.versions_of = versions_of

--- A version, parsed anew.
M.read = decoded_version

--- The ids of an account's certificates for a name (or wildcard) as it is written in them.
function M.each_of(account, name)
  local ids = index:get(name_key(account, name))
  return next_id, ids or "", 1
end

return M
