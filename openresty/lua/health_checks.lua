-- Checks the servers that documents want checked: one worker of the edge does, each server at its interval, many at a
-- time. What it finds is in `origin_health`. Phase: timer. Reads documents through `documents`, the list of them through
-- `check_roster`.
local documents = require "documents"
local document = require "document"
local facts = require "facts"
local health = require "origin_health"
local health_check = require "health_check"
local roster = require "check_roster"

local ngx = ngx
local random = math.random
local ipairs, next, pairs = ipairs, next, pairs

local TICK_SECONDS = 0.2
-- A leader that died is missed after this long.
local LEADER_SECONDS = 2
local PARALLEL_MAX = 256
local DOCUMENTS_PER_TURN = 200
-- Its word counts for so many intervals when it falls silent.
local INTERVALS_COUNTED = 3
local INTERVAL_JITTER = 0.1

local M = {}

-- By distribution: the pointer of the document that was read, and its targets. A target is a server with its state.
local distributions = {}
local queue, queue_from, queue_to = {}, 1, 0
local running = 0
local generation

--- What a server's state becomes with one more finding; returns whether its health changed.
function M.take(target, is_well)
  local check = target.server.check
  if is_well then
    target.good, target.bad = target.good + 1, 0
    if not target.is_ill or target.good < check.healthy_after then return false end
  else
    target.good, target.bad = 0, target.bad + 1
    if target.is_ill or target.bad < check.unhealthy_after then return false end
  end
  target.is_ill = not target.is_ill
  return true
end

local function new_target(server, before, now)
  local target = before and before[server.id]
  -- The same check of the same server goes on where it was.
  local check, old = server.check, target and target.server.check
  local is_same = old and old.path == check.path and old.interval == check.interval
  return {
    server = server, good = target and target.good or 0, bad = target and target.bad or 0,
    is_ill = health.is_ill(server.id), due = is_same and target.due or now + random() * check.interval,
  }
end

local function targets_of(id, before, now)
  local text = documents.find_text(id)
  local decoded = text and document.decode(text, id)
  if not decoded then return nil end
  local targets = {}
  for _, server in ipairs(decoded.origin.servers) do
    if server.check then targets[server.id] = new_target(server, before, now) end
  end
  return targets
end

local function forget(id)
  for server_id in pairs(distributions[id].targets) do health.set_well(server_id) end
  distributions[id] = nil
end

-- Brings what is checked to what the documents want.
local function read_documents(now)
  if generation == facts.generation() then return end
  generation = facts.generation()
  local ids, count = roster.ids(), 0
  for id in pairs(distributions) do
    if not ids[id] then forget(id) end
  end
  for id in pairs(ids) do
    local pointer, known = documents.pointer_of(id), distributions[id]
    if pointer and (not known or known.pointer ~= pointer) then
      local targets = targets_of(id, known and known.targets, now)
      if targets then distributions[id] = { pointer = pointer, targets = targets } end
      count = count + 1
      if count % DOCUMENTS_PER_TURN == 0 then ngx.sleep(0) end
    end
  end
end

local function tell(id, target, reason)
  if target.is_ill then
    ngx.log(ngx.WARN, "the origin ", target.server.id, " of ", id, " is ill: ", reason)
  else
    ngx.log(ngx.WARN, "the origin ", target.server.id, " of ", id, " is well again")
  end
end

local function check(id, target)
  local is_well, reason = health_check.run(target.server)
  -- Meanwhile another document may want something else.
  if is_well == nil or not distributions[id] or distributions[id].targets[target.server.id] ~= target then return end
  if M.take(target, is_well) then tell(id, target, reason) end
  if target.is_ill then
    local wanted = target.server.check
    health.set_ill(target.server.id, INTERVALS_COUNTED * wanted.interval + wanted.timeout)
  else
    health.set_well(target.server.id)
  end
end

local function work_off()
  while queue_from <= queue_to and not ngx.worker.exiting() do
    local entry = queue[queue_from]
    queue[queue_from] = nil
    queue_from = queue_from + 1
    local target = entry.target
    local ok, err = pcall(check, entry.id, target)
    if not ok then ngx.log(ngx.ERR, "a health check failed by itself: ", err) end
    target.due = ngx.now() + target.server.check.interval * (1 - INTERVAL_JITTER + 2 * INTERVAL_JITTER * random())
    target.is_queued = false
  end
end

local function worker(premature)
  if not premature then work_off() end
  running = running - 1
end

local function queue_due(now)
  for id, distribution in pairs(distributions) do
    for _, target in pairs(distribution.targets) do
      if target.due <= now and not target.is_queued then
        target.is_queued = true
        queue_to = queue_to + 1
        queue[queue_to] = { id = id, target = target }
      end
    end
  end
end

local function start_workers()
  local wanted = math.min(PARALLEL_MAX, running + queue_to - queue_from + 1)
  while running < wanted do
    local ok, err = ngx.timer.at(0, worker)
    if not ok then return ngx.log(ngx.WARN, "health checks wait: ", err) end
    running = running + 1
  end
end

local function lead(now)
  read_documents(now)
  queue_due(now)
  start_workers()
end

-- Another worker leads: what this one knew is old when it leads again.
local function follow()
  if next(distributions) then distributions = {} end
  generation = nil
end

local is_busy = false

local function tick(premature)
  local pid = ngx.worker.pid()
  if premature then return roster.resign(pid) end
  if is_busy then return end
  is_busy = true
  if roster.is_led_by(pid, LEADER_SECONDS) then
    local ok, err = pcall(lead, ngx.now())
    if not ok then ngx.log(ngx.ERR, "health checks could not be begun: ", err) end
  else
    follow()
  end
  is_busy = false
end

--- Begins, in every worker; the leader among them does the work.
function M.begin()
  local ok, err = ngx.timer.every(TICK_SECONDS, tick)
  if not ok then ngx.log(ngx.ERR, "no health checks: ", err) end
end

return M
