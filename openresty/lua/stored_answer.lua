-- What the outer hop's cache has answered with, told as the origin did: its own words back in their places, what a 304
-- renewed laid over them, the age as of now, and no cookie of somebody else. Phase: header_filter of whoever reads the
-- cache: the outer hop and the listener for children. Reads and writes the dicts of `renewals`,
-- `slices` and `tag_index` through their modules.
local renewals = require "renewals"
local slices = require "slices"
local tag_index = require "tag_index"
local tags = require "tags"

local ngx = ngx
local header, time = ngx.header, ngx.time
local byte, find, match, sub = string.byte, string.find, string.match, string.sub
local floor, max = math.floor, math.max
local tonumber = tonumber

local NO_TAGS = byte(tags.NONE)
-- The states in which this very request went to the origin, and its answer comes back.
local IS_ANSWERED = { MISS = true, BYPASS = true, EXPIRED = true }

local M = {}

-- The slices that follow must be of the version of this first one; when the origin has just shown it, of its turn.
local function lead_slices(var, status)
  local validator = var.upstream_http_etag or var.upstream_http_last_modified
  if validator then var.edge_slice_version = slices.version(validator) end
  if IS_ANSWERED[status] then var.edge_slice_turn = slices.turn(var.edge_key) end
end

-- When it was stored, its age then and its freshness then, as the inner hop wrote them: `1700000000,0,60`; tags may stand
-- behind them. Without a pattern: LuaJIT compiles none.
local function times_of(stored)
  local first = find(stored, ",", 1, true)
  local second = first and find(stored, ",", first + 1, true)
  if not second then return nil end
  local gap = find(stored, " ", second + 1, true)
  return tonumber(sub(stored, 1, first - 1)), tonumber(sub(stored, first + 1, second - 1)),
    tonumber(sub(stored, second + 1, gap and gap - 1 or nil))
end

-- The age, for how long it has been here, and for how long it stays fresh.
local function age_of(at, initial, ttl, status)
  local kept = max(0, time() - at)
  local age = floor(kept + initial)
  local lifetime = max(0, floor(ttl + initial))
  -- Fresh, but older than its freshness: a 304 renewed it and what that said was evicted.
  if status == "HIT" and age > lifetime then return lifetime, kept, 0 end
  return age, kept, lifetime - age
end

local function note(var, stored, vary)
  local hashes, own_vary = match(stored, "^%S+ (%S+) ?(%S*)$")
  local key = var.edge_tag_key
  local is_purged = tag_index.note(var, var.edge_distribution, key ~= "" and key or var.edge_key,
    tonumber(match(var.edge_epoch, "^%d+")), hashes or tags.NONE, vary or own_vary or "", tonumber(var.edge_tag_newest) or 0)
  return is_purged, own_vary
end

local function has_tags(stored)
  local gap = find(stored, " ", 1, true)
  return gap and byte(stored, gap + 1) ~= NO_TAGS
end

-- Leaves word of an answer's tags for whoever looks it up. One without any has a record, too, where the distribution uses
-- tags: without it, it would be taken for one with all of them. Whether it is a stored one that was purged.
local function note_tags(var, status, stored, renewed)
  local is_renewed = renewed and has_tags(renewed)
  if not has_tags(stored) and not is_renewed and var.edge_tag_key == "" then
    if not IS_ANSWERED[status] or not tag_index.is_used(var.edge_distribution) then return false end
  end
  -- It is not kept.
  if IS_ANSWERED[status] and var.upstream_http_x_accel_expires == "0" then return false end
  local is_purged, vary = note(var, stored)
  if is_renewed then is_purged = note(var, renewed, vary or "") or is_purged end
  return is_purged and not IS_ANSWERED[status]
end

--- What was fetched in the background while a viewer got the stale copy; a slice behind the first is a piece of its body.
function M.note_update(var)
  if var.edge_slice_turn ~= "" then return end
  local stored = var.upstream_http_x_edge_stored
  if not stored then return end
  local renewed = renewals.apply(var.edge_key, var.upstream_http_etag or var.upstream_http_last_modified)
  note_tags(var, var.upstream_cache_status, stored, renewed)
end

--- `status`: the cache's. Returns the answer's age, for how long it has been here, and for how long it stays fresh; nil for
-- all when nobody said; and what the inner hop wrote. Just false: it was purged, and must not be served.
function M.tell(var, status)
  if var.edge_slice_turn ~= "" then lead_slices(var, status) end
  local stored, expires = var.upstream_http_x_edge_stored, var.upstream_http_x_edge_expires
  local at, initial, ttl
  if stored then at, initial, ttl = times_of(stored) end
  header["Cache-Control"] = var.upstream_http_x_edge_cache_control
  -- The inner hop takes Expires itself away.
  if expires then header["Expires"] = expires end
  local renewed
  if not IS_ANSWERED[status] then
    -- A cookie was for the viewer whom the origin has answered.
    header["Set-Cookie"] = nil
    -- What is fresh by its own words was not asked about since; what a 304 said before it was stored anew counts no more.
    if not at or time() >= at + ttl then
      renewed = renewals.apply(var.edge_key, var.upstream_http_etag or var.upstream_http_last_modified)
      if renewed then at, initial, ttl = times_of(renewed) end
    end
  end
  if stored and note_tags(var, status, stored, renewed) then return false end
  local age, kept, left
  if at then age, kept, left = age_of(at, initial, ttl, status) end
  if age and (age > 0 or status == "HIT") then header["Age"] = age end
  return age, kept, left, stored
end

return M
