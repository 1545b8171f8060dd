-- For how long an answer may be kept, and be served stale: RFC 9111, 9213, 5861 and the rule of the distribution. Pure:
-- the clock is an argument. Phase: header_filter of the inner hop; no dict.
local cache_control = require "cache_control"
local http_date = require "http_date"

local find, match, sub = string.find, string.match, string.sub
local floor, max, min = math.floor, math.max, math.min
local ipairs, tonumber, type = ipairs, tonumber, type
local seconds = cache_control.seconds

local HEURISTIC_SHARE = 0.1
local STALE_IF_ERROR_DEFAULT = 3600
local AGE_MAX = 2147483648

-- RFC 9110 § 15.1, without those that a client's own fault provokes: 414 and 501 must not be cached by guess.
local HEURISTIC = { [200] = true, [203] = true, [204] = true, [300] = true, [301] = true, [308] = true, [404] = true,
  [405] = true, [410] = true }
-- A rule's own time holds for what was found, not for what was not.
local RULED = { [200] = true, [203] = true, [300] = true, [301] = true, [308] = true }
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

--- Whether a rule's times hold for an answer of this type.
function M.rule_holds(rule, content_type)
  if not rule then return false end
  if not rule.content_types then return true end
  if not content_type then return false end
  for _, prefix in ipairs(rule.content_types) do
    if sub(content_type, 1, #prefix) == prefix then return true end
  end
  return false
end

local function lifetime_of(answer, words, rule, date)
  local explicit = words.lifetime or expires_lifetime(answer.expires, date)
  local lifetime = explicit
  if not lifetime and rule.ttl and RULED[answer.status] then lifetime = rule.ttl end
  lifetime = lifetime or heuristic_lifetime(answer, words, date)
  if lifetime and rule.ttl_max then lifetime = min(lifetime, rule.ttl_max) end
  return lifetime, explicit ~= nil
end

local function is_forbidden(answer, words)
  if words.no_store or words.private then return true end
  if answer.vary and find(answer.vary, "*", 1, true) then return true end
  -- Parts are cut from whole answers by the outer hop; a part of its own is not one.
  if answer.status == 206 then return true end
  return answer.authorized and not (words.public or words.must_revalidate or words.shared)
end

local function stale_times(words, rule)
  local while_revalidate = words.while_revalidate or rule.stale_while_revalidate or 0
  local if_error = words.if_error or rule.stale_if_error or STALE_IF_ERROR_DEFAULT
  -- RFC 9111 § 4.2.4: these forbid stale answers; s-maxage means proxy-revalidate.
  if words.must_revalidate or words.no_cache then return 0, 0 end
  if words.shared then return words.while_revalidate or 0, 0 end
  return while_revalidate, if_error
end

local NO_RULE = {}

--- Decides. `answer`: status, cache_control, cdn_cache_control, date, age, expires, last_modified, etag, vary,
-- content_type, sets_cookie, authorized (the request had Authorization), delay (seconds the origin took).
-- Returns: storable, ttl (0 or less: only to be asked about), stale-while-revalidate, stale-if-error, initial age.
function M.decide(answer, now, rule)
  local words = targeted_words(answer.cdn_cache_control) or plain_words(answer.cache_control, answer.status)
  local date = http_date.parse(answer.date) or now
  local initial_age = max(0, now - date, age_of(answer.age) + (answer.delay or 0))
  if is_forbidden(answer, words) then return false, 0, 0, 0, initial_age end
  if not M.rule_holds(rule, answer.content_type) then rule = NO_RULE end
  local lifetime, explicit = lifetime_of(answer, words, rule, date)
  if words.no_cache then lifetime = min(lifetime or 0, 0) end
  if not lifetime or (answer.sets_cookie and not explicit) then return false, 0, 0, 0, initial_age end
  local ttl = floor(lifetime - initial_age)
  local while_revalidate, if_error = stale_times(words, rule)
  local useful = ttl > 0 or answer.etag or answer.last_modified or ttl + max(while_revalidate, if_error) > 0
  return useful and true or false, ttl, while_revalidate, if_error, initial_age
end

return M
