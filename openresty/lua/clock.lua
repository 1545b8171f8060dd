-- The clock by which stored answers grow too old to be found: it never runs backwards, not over a restart either, and it
-- never stands still. Where the machine's clock was ahead and is put right, this one goes on from where it was: being ahead
-- harms nothing, but a time that came twice would bring back what was purged long ago. Owns the keys `clock` and
-- `clock_lead` of the dict `edge`; any phase. The agent keeps its reading in state/clock.
local edge = ngx.shared.edge
local time = ngx.time
local match = string.match
local tonumber = tonumber

-- Workers read the machine's clock once per turn of their loops: one that was busy is behind the others.
local BEHIND_SECONDS_MAX = 60
-- Until the year 5138, and far from where seconds are no whole numbers any more.
local DIGITS_MAX = 11

local wall_known, reading_known = 0, 0

local M = {}

local function ahead(wall, seen)
  local reading = wall + (edge:get("clock_lead") or 0)
  if reading < seen - BEHIND_SECONDS_MAX then
    edge:set("clock_lead", seen - wall)
    return seen
  end
  return reading
end

--- The reading when the machine's clock says `wall`.
function M.at(wall)
  local seen = edge:get("clock") or 0
  local reading = wall
  if wall < seen then
    reading = ahead(wall, seen)
    if reading <= seen then return seen end
  elseif edge:get("clock_lead") then
    edge:delete("clock_lead")
  end
  if reading > seen then edge:set("clock", reading) end
  return reading
end

--- Unix seconds, or ahead of them.
function M.now()
  local wall = time()
  if wall ~= wall_known then
    reading_known = M.at(wall)
    wall_known = wall
  end
  return reading_known
end

--- What the agent has left on the disk; none is no fault. nil and why, when it is no clock's reading.
function M.take(text)
  if not text then return true end
  local digits = match(text, "^(%d+)\n$")
  if not digits or #digits > DIGITS_MAX then return nil, "not seconds" end
  local seconds = tonumber(digits)
  if seconds > (edge:get("clock") or 0) then edge:set("clock", seconds) end
  wall_known = 0
  return true
end

return M
