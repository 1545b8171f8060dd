-- What a 304 renewed of a stored answer: nginx keeps the header lines that were stored first (RFC 9111 § 4.3.4 wants the
-- new ones). Owns the dict `renewals`, which may evict. Written in the inner hop's header_filter, read in the outer's.
local cjson = require "cjson.safe"
local lrucache = require "resty.lrucache"

local ngx = ngx
local dict = ngx.shared.renewals
local header = ngx.header
local lower, sub = string.lower, string.sub
local pairs, type = pairs, type

local KEPT_SECONDS = 30 * 86400
local HEADER_LINES_MAX = 100
local DECODED_MAX = 1000

local decoded = assert(lrucache.new(DECODED_MAX))

-- Lines that describe the stored body, the connection or the edge: a 304 does not change them.
local KEPT = { ["content-length"] = true, ["content-encoding"] = true, ["content-range"] = true,
  ["content-type"] = true, ["etag"] = true, ["server"] = true, ["connection"] = true, ["transfer-encoding"] = true,
  ["x-accel-expires"] = true, ["cache-control"] = true, ["expires"] = true, ["age"] = true,
  -- One viewer's.
  ["set-cookie"] = true }

local M = {}

local function key_of(cache_key, validator) return cache_key .. "|" .. (validator or "") end

--- Remembers the header lines of a 304. `stored`: when, as the inner hop writes it.
function M.remember(cache_key, validator, stored, cache_control, expires)
  local lines = {}
  for name, value in pairs(ngx.resp.get_headers(HEADER_LINES_MAX, true)) do
    local known = lower(name)
    if not KEPT[known] and sub(known, 1, 7) ~= "x-edge-" then lines[name] = value end
  end
  if cache_control or expires then
    lines["Cache-Control"] = cache_control
    lines["Expires"] = expires
  end
  dict:set(key_of(cache_key, validator), cjson.encode({ stored = stored, lines = lines }), KEPT_SECONDS)
end

--- Writes the renewed lines over the stored ones; returns when they were renewed, nil when never.
function M.apply(cache_key, validator)
  local text = dict:get(key_of(cache_key, validator))
  if not text then return nil end
  local renewal = decoded:get(text)
  if not renewal then
    renewal = cjson.decode(text)
    if type(renewal) ~= "table" then return nil end
    decoded:set(text, renewal)
  end
  for name, value in pairs(renewal.lines) do header[name] = value end
  return renewal.stored
end

return M
