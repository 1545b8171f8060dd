-- What the outer hop's cache has answered with, told as the origin did: its own words back in their places, what a 304
-- renewed laid over them, the age as of now, and no cookie of somebody else. Phase: header_filter of whoever reads the
-- cache: the outer hop and the listener for children. Reads the dicts of `renewals` and `slices` through their modules.
local renewals = require "renewals"
local slices = require "slices"

local ngx = ngx
local header, time = ngx.header, ngx.time
local match = string.match
local floor, max = math.floor, math.max
local tonumber = tonumber

-- The states in which this very request went to the origin, and its answer comes back.
local IS_ANSWERED = { MISS = true, BYPASS = true, EXPIRED = true }

local M = {}

-- The slices that follow must be of the version of this first one; when the origin has just shown it, of its turn.
local function lead_slices(var, status)
  local validator = var.upstream_http_etag or var.upstream_http_last_modified
  if validator then var.edge_slice_version = slices.version(validator) end
  if IS_ANSWERED[status] then var.edge_slice_turn = slices.turn(var.edge_key) end
end

-- When it was stored, its age then and its freshness then, as the inner hop wrote them: `1700000000,0,60`. Returns the age,
-- and for how long it has been here.
local function age_of(stored, status)
  local at, initial, ttl = match(stored, "^(%d+),([%d.]+),(%-?%d+)$")
  if not at then return nil end
  local kept = max(0, time() - tonumber(at))
  local age = floor(kept + tonumber(initial))
  local lifetime = max(0, floor(tonumber(ttl) + tonumber(initial)))
  -- Fresh, but older than its freshness: a 304 renewed it and what that said was evicted.
  if status == "HIT" and age > lifetime then return lifetime, kept end
  return age, kept
end

--- `status`: the cache's. Returns the answer's age, and for how long it has been here; nil for both when nobody said.
function M.tell(var, status)
  if var.edge_slice_turn ~= "" then lead_slices(var, status) end
  local stored = header["X-Edge-Stored"]
  header["Cache-Control"] = header["X-Edge-Cache-Control"]
  header["Expires"] = header["X-Edge-Expires"]
  header["X-Edge-Stored"] = nil
  header["X-Edge-Cache-Control"] = nil
  header["X-Edge-Expires"] = nil
  if not IS_ANSWERED[status] then
    -- A cookie was for the viewer whom the origin has answered.
    header["Set-Cookie"] = nil
    stored = renewals.apply(var.edge_key, var.upstream_http_etag or var.upstream_http_last_modified) or stored
  end
  local age, kept
  if stored then age, kept = age_of(stored, status) end
  if age and (age > 0 or status == "HIT") then header["Age"] = age end
  return age, kept
end

--- The cache's status in the words of RFC 9211.
function M.cache_status(status)
  if status == "HIT" then return "edgewright; hit" end
  if status == "STALE" or status == "UPDATING" then return "edgewright; hit; detail=stale" end
  if status == "MISS" then return "edgewright; fwd=uri-miss" end
  if status == "BYPASS" then return "edgewright; fwd=bypass" end
  return "edgewright; fwd=stale"
end

return M
