-- Equal misses make one request to the origin. The inner hop sees every miss and no hit, so they meet here: one leads,
-- the others wait, and when the answer is kept they are sent back to the outer hop, which has it by then. As soon as an
-- answer's header says that it will not be kept, nobody waits for this key any more (hit-for-miss). Owns the dict
-- `flights`, which may evict: then a second request leads. Phases: `enter` in access, `answered` in header_filter,
-- `finish` in log of the inner hop. What one phase leaves for the next stands in the variable edge_flight: the part that
-- this request has, the key of the flight and, of an answer that is kept, its Vary.
local ffi = require "ffi"
local semaphore = require "ngx.semaphore"

local ngx = ngx
local flights = ngx.shared.flights
local sleep, timer_at = ngx.sleep, ngx.timer.at
local now, worker_pid = ngx.now, ngx.worker.pid
local md5 = ngx.md5
local gmatch, gsub, lower, sub = string.gmatch, string.gsub, string.lower, string.sub
local pairs = pairs

-- No viewer waits for requests of others for longer than this, whatever becomes of them.
local WAIT_SECONDS = 5
-- Who has waited for this long in vain speaks for the others.
local TELLING_SECONDS = WAIT_SECONDS / 2
-- A flight is of the worker with this process id, or one of these.
local IS_LANDED, PASSES = "landed", "passes"
-- The leader's answer is in the outer hop's hands, which may still be writing it down.
local LANDED_SECONDS = 0.2
-- How long who comes back without the answer pauses before the next look.
local PAUSES_SECONDS = { [0] = 0, 0.002, 0.01, 0.03, 0.1, 0.2 }
-- nginx follows ten redirections, and alike.lua may have taken two of them.
local ROUNDS_MAX = 7
-- Forgotten at once when an answer is kept after all, so it may be long.
local PASS_SECONDS = 60
-- Of a failure, and of an answer that did not come in time.
local PASS_AFTER_FAILURE_SECONDS = 5
-- Which headers tell the variants of a URL apart.
local VARY_SECONDS = 3600
-- How often a worker looks at the flights of others that it waits for.
local LOOK_EVERY_SECONDS = 0.003
-- Every so many looks: whether the leader's worker is still alive.
local LOOKS_PER_ROLL_CALL = 16

local LEADS, IS_KEPT, IS_RENEWED, FOLLOWS = "?", "+", "=", "-"
-- The part and the key: a Vary may stand behind them, and begin with what reads as a part of the key (Accept-Language).
local PART_BYTES, FLIGHT_BYTES = 1, 32

pcall(ffi.cdef, "int kill(int pid, int sig);")

local M = {}

-- Per worker: flight → { semaphore, count of those who wait, the worker that leads }.
local waiting = {}
local is_looking = false

local function wake(flight)
  local wait = waiting[flight]
  if not wait then return end
  waiting[flight] = nil
  if wait.count > 0 then wait.semaphore:post(wait.count) end
end

-- What `Vary` names, as this request has it. Lengths instead of separators: no value can pass for two.
local function variant_of(var, vary)
  local text = ""
  for name in gmatch(lower(vary), "[^%s,]+") do
    local value = var["http_" .. gsub(name, "-", "_")]
    text = text .. (value and #value or "-") .. ":" .. (value or "")
  end
  return text
end

-- Answers to credentials are another matter than those to nobody in particular.
local function plain_key(var, key) return (var.http_authorization and "a" or "-") .. key end

local function vary_key(plain) return md5("vary " .. plain) end

local function flight_of(var, plain, vary)
  if not vary then return md5(plain) end
  return md5(plain .. "|" .. variant_of(var, vary))
end

local function is_gone(pid) return ffi.C.kill(pid, 0) ~= 0 end

-- What another worker leads is over, one way or another.
local function is_over(flight, leader, is_roll_call)
  if flights:get(flight) ~= leader then return true end
  if not is_roll_call or not is_gone(leader) then return false end
  flights:delete(flight)
  return true
end

-- Looks after the flights that other workers lead: nothing else tells this one when they land.
local function look()
  local looks = 0
  repeat
    sleep(LOOK_EVERY_SECONDS)
    looks = looks + 1
    local is_needed, is_roll_call = false, looks % LOOKS_PER_ROLL_CALL == 0
    for flight, wait in pairs(waiting) do
      if wait.leader ~= worker_pid() then
        if is_over(flight, wait.leader, is_roll_call) then wake(flight) else is_needed = true end
      end
    end
  until not is_needed
  is_looking = false
end

-- Waits until something happens to the flight, or the deadline. Whether it happened.
local function wait_for(flight, leader, deadline)
  local wait, left = waiting[flight], deadline - now()
  if left <= 0 then return false end
  if not wait then
    local made, err = semaphore.new(0)
    if not made then
      ngx.log(ngx.ERR, "nobody can wait: ", err)
      return false
    end
    wait = { semaphore = made, count = 0 }
    waiting[flight] = wait
  end
  wait.leader = leader
  if leader ~= worker_pid() and not is_looking then is_looking = timer_at(0, look) and true or false end
  wait.count = wait.count + 1
  if wait.semaphore:wait(left) then return true end
  wait.count = wait.count - 1
  if wait.count == 0 and waiting[flight] == wait then waiting[flight] = nil end
  return false
end

local function take_part(var, part, flight)
  var.edge_flight = part .. flight
  return false
end

-- Another variant has landed, and this request came back for it; the outer hop may not have had it yet.
local function is_too_early(plain, flight, rounds)
  if rounds ~= 1 then return false end
  local first = md5(plain)
  if first == flight or flights:get(first) ~= IS_LANDED then return false end
  sleep(PAUSES_SECONDS[2])
  return true
end

-- Leads, unless somebody else was faster.
local function try_to_lead(var, flight)
  local is_first, err = flights:add(flight, worker_pid(), WAIT_SECONDS)
  if not is_first and err == "exists" then return false end
  take_part(var, LEADS, flight)
  return true
end

-- Whoever asks in the next seconds does so by himself.
local function let_pass(flight, seconds)
  flights:set(flight, PASSES, seconds)
  wake(flight)
end

-- The answer should be there, and was not when the outer hop looked. Whether to look once more: it may still be on its
-- way there. What does not come then was not kept for some reason of nginx's: the next leader would come to no more.
local function look_once_more(flight, rounds)
  local pause = PAUSES_SECONDS[rounds]
  if not pause then
    let_pass(flight, PASS_AFTER_FAILURE_SECONDS)
    return false
  end
  if pause > 0 then sleep(pause) end
  return true
end

--- Whether somebody asks for the same at this moment, or has just had the answer.
function M.is_under_way(var, key)
  local plain = plain_key(var, key)
  local state = flights:get(flight_of(var, plain, flights:get(vary_key(plain))))
  return state ~= nil and state ~= PASSES
end

--- Returns true when this request is to go back to the outer hop and look again; else it is to ask the origin.
-- `rounds`: how often it came back already; `waited`: for how many seconds the viewer has.
function M.enter(var, key, rounds, waited)
  if (var.edge_flight or "") ~= "" then return false end
  local plain, began = plain_key(var, key), now()
  local deadline = began + WAIT_SECONDS - waited
  while true do
    local flight = flight_of(var, plain, flights:get(vary_key(plain)))
    local state = flights:get(flight)
    if state == PASSES or rounds >= ROUNDS_MAX then return take_part(var, FOLLOWS, flight) end
    if not state then
      if is_too_early(plain, flight, rounds) then return true end
      if try_to_lead(var, flight) then return false end
    elseif state == IS_LANDED then
      if look_once_more(flight, rounds) then return true end
    elseif not wait_for(flight, state, deadline) then
      -- Who comes now would wait as long, one after the other. Of a flight that has only begun, a viewer whose time went
      -- by elsewhere (a header that came slowly) says nothing.
      if now() - began >= TELLING_SECONDS then let_pass(flight, PASS_AFTER_FAILURE_SECONDS) end
      return take_part(var, FOLLOWS, flight)
    elseif flights:get(flight) == IS_LANDED then
      return true
    end
  end
end

--- The header of an answer is here. `is_kept`: others may have it from the cache. `vary`: that of the answer; `renewed`: of
-- a stored one, by a 304, which may leave it out, and does not always tell for how long.
function M.answered(var, is_kept, vary, renewed)
  local part, flight = sub(var.edge_flight, 1, 1), sub(var.edge_flight, 2)
  if part == "" then return end
  if not is_kept then
    let_pass(flight, ngx.status >= 500 and PASS_AFTER_FAILURE_SECONDS or PASS_SECONDS)
    take_part(var, FOLLOWS, flight)
  elseif part == LEADS then
    take_part(var, renewed and IS_RENEWED or IS_KEPT, flight .. (vary or ""))
  elseif not renewed and flights:get(flight) == PASSES then
    flights:delete(flight)
  end
end

--- This request comes to nothing, but is made anew: another one leads.
function M.abandon(var)
  local part, flight = sub(var.edge_flight, 1, 1), sub(var.edge_flight, 2)
  take_part(var, FOLLOWS, flight)
  if part ~= LEADS then return end
  flights:delete(flight)
  wake(flight)
end

local function land(flight)
  flights:set(flight, IS_LANDED, LANDED_SECONDS)
  wake(flight)
end

-- nginx keeps the first variant under the URL's own key, and others only where it finds that one: nobody may lead one
-- before it is there. So what tells variants apart is known from here on.
local function note_variants(var, plain, flight, vary)
  local known = flights:get(vary_key(plain))
  if known == vary then return end
  if vary then flights:set(vary_key(plain), vary, VARY_SECONDS) else flights:delete(vary_key(plain)) end
  local other = flight_of(var, plain, vary)
  if other ~= flight then land(other) end
end

--- The request ends, one way or another. `key` is that of the hop header.
function M.finish(var, key)
  local text = var.edge_flight
  local part, flight = sub(text, 1, PART_BYTES), sub(text, PART_BYTES + 1, PART_BYTES + FLIGHT_BYTES)
  local vary = sub(text, PART_BYTES + FLIGHT_BYTES + 1)
  if part == IS_KEPT then note_variants(var, plain_key(var, key), flight, vary ~= "" and vary or nil) end
  if part == IS_KEPT or part == IS_RENEWED then
    land(flight)
  elseif part == LEADS then
    let_pass(flight, PASS_AFTER_FAILURE_SECONDS)
  end
end

return M
