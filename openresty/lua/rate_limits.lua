-- How often one viewer may ask: a leaky bucket for each limit of a distribution and each address. It holds `requests` and
-- `burst`, and empties by `requests` in `per` seconds; what would make it run over is refused. Its part of a document is
-- written by edge-templates/features/limits/schema.ts. Owns the dict `limits`, whose oldest entries go when it is full: who
-- has not asked for long has nothing to lose. Phase: access.
local lists = require "lists"
local patterns = require "patterns"

local ngx = ngx
local dict = ngx.shared.limits
local md5_bin = ngx.md5_bin
local ceil, floor, max = math.ceil, math.floor, math.max
local sub = string.sub
local ipairs, type = ipairs, type

local M = {}

local function is_count(value, least) return type(value) == "number" and value >= least and floor(value) == value end

--- What is wrong with them; nil when nothing is.
function M.fault(limits)
  if type(limits) ~= "table" then return "limits: no list" end
  for index, limit in ipairs(limits) do
    local good = type(limit) == "table" and is_count(limit.requests, 1) and is_count(limit.per, 1)
      and is_count(limit.burst, 0) and lists.is_text(limit.paths)
    if not good then return "limits." .. index - 1 end
  end
end

--- Makes them ready for look-ups, in place.
function M.prepare(limits)
  for index, limit in ipairs(limits) do
    limit.paths = patterns.compile_list(limit.paths)
    limit.interval = limit.per / limit.requests
    -- The last of a bucketful may come while the bucket has still this long to empty.
    limit.tolerance = (limit.requests + limit.burst - 1) * limit.interval
    -- Another limit in the same place begins anew.
    limit.name = index .. "|" .. limit.requests .. "|" .. limit.per .. "|" .. limit.burst .. "|"
  end
end

-- A viewer has a whole /64 of IPv6: one address of it says nothing.
local function viewer(address)
  return #address == 16 and sub(address, 1, 8) or address
end

-- All of one length: where entries have several sizes, the many of one leave no page for another.
local function key_of(limit, id, address) return md5_bin(limit.name .. id .. viewer(address)) end

-- One drop more, when there is room. The entry is the time at which the bucket is empty, and grows by one atomic step, so
-- that workers do not lose each other's drops. Returns for how many seconds there is none, nil when there is.
local function refused_for(key, limit, at)
  local interval = limit.interval
  local empty_at, err = dict:incr(key, interval, at)
  -- No memory, not even for one: a viewer is not refused for that.
  if not empty_at then return nil, err end
  local filled = empty_at - interval - at
  if filled < 0 then
    dict:set(key, at + interval)
  elseif filled > limit.tolerance then
    dict:incr(key, -interval)
    return filled - limit.tolerance
  end
end

--- For how many seconds this viewer must wait; nil when it need not. `id`: the distribution; `at`: now.
function M.wait(limits, id, address, path, at)
  local longest
  for index = 1, #limits do
    local limit = limits[index]
    if patterns.any_matches(limit.paths, path) then
      local seconds = refused_for(key_of(limit, id, address), limit, at)
      if seconds then longest = max(longest or 1, ceil(seconds)) end
    end
  end
  return longest
end

return M
