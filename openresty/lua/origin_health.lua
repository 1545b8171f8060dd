-- Which servers of origins are passed over for now: an address that viewers' requests failed at, a server that the active
-- checks found ill. Owns the dict `origin_health`, which evicts: what is forgotten counts as well. Reading: access, on a
-- miss. Writing: balancer, header_filter, the pages of failed requests, and the timer of health_checks.
local dict = ngx.shared.origin_health
local min = math.min

-- So many failures in a row, the first no longer ago than this, and an address is passed over for a while.
local FAILURES_MAX, FAILURES_WITHIN_SECONDS = 3, 30
-- Once it is asked again, the next failure is enough, and the while is twice as long; until it answered so often in a row.
local OUT_SECONDS, OUT_SECONDS_MAX = 10, 80
local PROBATION_SECONDS, ANSWERS_MIN = 60, 2

local M = {}

-- The names of the entries in the dict.
local function out_key(id, address) return "out|" .. id .. "|" .. address end
local function failures_key(id, address) return "failures|" .. id .. "|" .. address end
local function probation_key(id, address) return "probation|" .. id .. "|" .. address end
local function answers_key(id, address) return "answers|" .. id .. "|" .. address end
local function ill_key(id) return "ill|" .. id end

--- Whether this address of the server with this id should be asked only when there is no other.
function M.is_out(id, address) return dict:get(ill_key(id)) or dict:get(out_key(id, address)) end

local function put_out(id, address, before)
  local seconds = before and min(before * 2, OUT_SECONDS_MAX) or OUT_SECONDS
  dict:set(out_key(id, address), true, seconds)
  dict:set(probation_key(id, address), seconds, seconds + PROBATION_SECONDS)
  dict:delete(failures_key(id, address))
  dict:delete(answers_key(id, address))
end

--- It could not be reached, did not answer in time, or answered 502 to 504.
function M.failed(id, address)
  -- It was asked because there was no other: one more failure tells nothing new.
  if dict:get(out_key(id, address)) then return end
  local before = dict:get(probation_key(id, address))
  local failures = dict:incr(failures_key(id, address), 1, 0, FAILURES_WITHIN_SECONDS)
  if before or (failures and failures >= FAILURES_MAX) then put_out(id, address, before) end
end

function M.answered(id, address)
  if dict:get(failures_key(id, address)) then dict:delete(failures_key(id, address)) end
  if not dict:get(probation_key(id, address)) then return end
  local answers = dict:incr(answers_key(id, address), 1, 0, PROBATION_SECONDS)
  if not answers or answers < ANSWERS_MIN then return end
  dict:delete(out_key(id, address))
  dict:delete(probation_key(id, address))
  dict:delete(answers_key(id, address))
end

--- What the active checks say of a server; `seconds`: for how long that counts when they say nothing more.
function M.set_ill(id, seconds) dict:set(ill_key(id), true, seconds) end
function M.set_well(id) dict:delete(ill_key(id)) end
function M.is_ill(id) return dict:get(ill_key(id)) or false end

return M
