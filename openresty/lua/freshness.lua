-- For how long an answer may be kept, and be served stale: RFC 9111, 9213, 5861 and the rule of the distribution. Pure:
-- the clock is an argument. Phase: header_filter of the inner hop; no dict.
local cache_control = require "cache_control"
local cache_rules = require "cache_rules"
local http_date = require "http_date"

local find, match = string.find, string.match
local floor, max, min = math.floor, math.max, math.min
local tonumber, type = tonumber, type
local seconds = cache_control.seconds

local HEURISTIC_SHARE = 0.1
local STALE_IF_ERROR_DEFAULT = 3600
local AGE_MAX = 2147483648
-- nginx keeps no answer with more (NGX_HTTP_CACHE_VARY_LEN).
local VARY_BYTES_MAX = 128

-- RFC 9110 § 15.1, without those that a client's own fault provokes: 414 and 501 must not be cached by guess.
local HEURISTIC = { [200] = true, [203] = true, [204] = true, [300] = true, [301] = true, [308] = true, [404] = true,
  [405] = true, [410] = true }
-- A rule's own time holds for what was found, not for what was not.
local RULED = { [200] = true, [203] = true, [300] = true, [301] = true, [308] = true }
-- What a viewer's own fault can provoke. A rule for a class (`4xx`) does not mean these: one bad request would answer all.
local PROVOKED = { [400] = true, [401] = true, [403] = true, [405] = true, [406] = true, [407] = true, [408] = true,
  [411] = true, [412] = true, [413] = true, [414] = true, [415] = true, [416] = true, [417] = true, [421] = true,
  [422] = true, [425] = true, [426] = true, [428] = true, [429] = true, [431] = true, [501] = true, [505] = true }
-- must-understand (RFC 9111 § 5.2.2.3): the statuses whose caching this code knows.
local UNDERSTOOD = { [200] = true, [203] = true, [204] = true, [300] = true, [301] = true, [302] = true, [303] = true,
  [307] = true, [308] = true, [400] = true, [403] = true, [404] = true, [405] = true, [410] = true, [414] = true,
  [421] = true, [500] = true, [501] = true, [502] = true, [503] = true, [504] = true }

local M = {}

local function targeted_words(text)
  local d = text and cache_control.parse_targeted(text)
  if not d then return nil end
  local function number(name) return type(d[name]) == "number" and d[name] or nil end
  local shared = number("s-maxage")
  local lifetime = shared or number("max-age")
  -- max-age of another type is malformed: the whole field does not count.
  if d["max-age"] ~= nil and not lifetime then return nil end
  return {
    no_store = d["no-store"], private = d["private"], no_cache = d["no-cache"], public = d["public"],
    must_revalidate = d["must-revalidate"] or d["proxy-revalidate"], shared = shared, lifetime = lifetime,
    while_revalidate = number("stale-while-revalidate"), if_error = number("stale-if-error"),
  }
end

local function plain_words(text, status)
  local d = text and cache_control.parse(text) or {}
  local no_store = d["no-store"] ~= nil
  if no_store and d["must-understand"] and UNDERSTOOD[status] then no_store = false end
  local shared = seconds(d["s-maxage"])
  local lifetime = shared
  -- An unreadable max-age is stale, not absent (RFC 9111 § 4.2.1).
  if not lifetime and d["max-age"] ~= nil then lifetime = seconds(d["max-age"]) or 0 end
  return {
    no_store = no_store, private = d["private"] ~= nil, no_cache = d["no-cache"] ~= nil, public = d["public"],
    must_revalidate = d["must-revalidate"] or d["proxy-revalidate"], shared = shared, lifetime = lifetime,
    while_revalidate = seconds(d["stale-while-revalidate"]), if_error = seconds(d["stale-if-error"]),
  }
end

local function age_of(text)
  local digits = text and (match(text, "^%s*(%d+)%s*,") or match(text, "^%s*(%d+)%s*$"))
  return digits and min(tonumber(digits), AGE_MAX) or 0
end

local function expires_lifetime(expires, date)
  if not expires then return nil end
  -- Two dates in one field are none.
  local at = not find(expires, ", .*, ") and http_date.parse(expires)
  return at and at - date or 0
end

local function heuristic_lifetime(answer, words, date)
  if not answer.last_modified or not (HEURISTIC[answer.status] or words.public) then return nil end
  local modified = http_date.parse(answer.last_modified)
  return modified and modified < date and floor((date - modified) * HEURISTIC_SHARE) or nil
end

-- What a rule says of a status, in seconds.
local function time_of(rule, status)
  local times = rule.ttl_by_status
  if times then
    if times[status] then return times[status] end
    local of_class = times[floor(status / 100)]
    if of_class and not PROVOKED[status] then return of_class end
  end
  return RULED[status] and rule.ttl or nil
end

-- The freshness of an answer and, when it counts from now on instead of from the origin's clock, `true`. `said`: what the
-- origin said of it; `own`: what the rule says.
local function lifetime_of(answer, words, rule, date, said, own)
  local lifetime = said or own
  local overridden = rule.mode == "override" and own ~= nil
  if overridden then
    lifetime = own
  else
    lifetime = lifetime or heuristic_lifetime(answer, words, date)
    if words.no_cache then lifetime = min(lifetime or 0, 0) end
  end
  if lifetime and rule.ttl_max then lifetime = min(lifetime, rule.ttl_max) end
  return lifetime, overridden
end

-- One viewer's, by the origin's words or because of what came with it.
local function is_private(answer, words, said)
  if words.no_store or words.private then return true end
  if answer.authorized and not (words.public or words.must_revalidate or words.shared) then return true end
  -- A cookie is meant for one viewer, unless the origin says for how long the answer is everybody's: that of a log-in
  -- which must not be used again would else be lost on its way.
  return answer.sets_cookie and (words.no_cache or (said or 0) <= 0)
end

local function cannot_be_kept(answer)
  local vary = answer.vary
  if vary and (#vary > VARY_BYTES_MAX or find(vary, "*", 1, true)) then return true end
  -- Parts are cut from whole answers by the outer hop; a part of its own is not one.
  return answer.status == 206
end

local function stale_times(words, rule)
  local while_revalidate, if_error = words.while_revalidate, words.if_error
  -- RFC 9111 § 4.2.4: these forbid stale answers; s-maxage means proxy-revalidate.
  if words.must_revalidate or words.no_cache then
    while_revalidate, if_error = 0, 0
  elseif words.shared then
    while_revalidate, if_error = while_revalidate or 0, 0
  end
  if rule.mode == "override" then
    while_revalidate = rule.stale_while_revalidate or while_revalidate
    if_error = rule.stale_if_error or if_error
  end
  return while_revalidate or rule.stale_while_revalidate or 0, if_error or rule.stale_if_error or STALE_IF_ERROR_DEFAULT
end

local NO_RULE = {}

--- Decides. `answer`: status, cache_control, cdn_cache_control, date, age, expires, last_modified, etag, vary,
-- content_type, sets_cookie, authorized (the request had Authorization), delay (seconds the origin took), kept (seconds that
-- another edge has had it).
-- Returns: storable, ttl (0 or less: only to be asked about), stale-while-revalidate, stale-if-error, initial age.
function M.decide(answer, now, rule)
  local words = targeted_words(answer.cdn_cache_control) or plain_words(answer.cache_control, answer.status)
  local date = http_date.parse(answer.date) or now
  local initial_age = max(0, now - date, age_of(answer.age) + (answer.delay or 0))
  if not rule or not cache_rules.holds(rule, answer.content_type) then rule = NO_RULE end
  local said = words.lifetime or expires_lifetime(answer.expires, date)
  local own = time_of(rule, answer.status)
  local is_open = rule.override_private and own ~= nil
  if rule.mode == "bypass" or cannot_be_kept(answer) or not is_open and is_private(answer, words, said) then
    return false, 0, 0, 0, initial_age
  end
  local lifetime, overridden = lifetime_of(answer, words, rule, date, said, own)
  if not lifetime then return false, 0, 0, 0, initial_age end
  -- What a rule says counts from when the answer came, be it to another edge.
  local ttl = floor(overridden and lifetime - (answer.kept or 0) or lifetime - initial_age)
  local while_revalidate, if_error = stale_times(words, rule)
  local useful = ttl > 0 or answer.etag or answer.last_modified or ttl + max(while_revalidate, if_error) > 0
  return useful and true or false, ttl, while_revalidate, if_error, initial_age
end

return M
