-- URLs that a customer has signed: `<URL>&stime=<from>&etime=<until>&encoded=0<20 hex digits>`, the digits being the first of
-- HMAC-SHA1 over all that stands before `&encoded`, the times fourteen digits of UTC. Where nothing else is in the query,
-- a `?` may stand for the first `&`: it is signed as one. Phase: access; reads keys through `secrets`.
local bit = require "bit"
local patterns = require "patterns"
local secrets = require "secrets"
local url = require "url"

local ngx = ngx
local bor, bxor = bit.bor, bit.bxor
local hmac_sha1, time = ngx.hmac_sha1, ngx.time
local byte, format, gsub, lower, match, rep, sub = string.byte, string.format, string.gsub, string.lower, string.match,
  string.rep, string.sub
local date = os.date

local DIGITS = 20
local TIME = rep("%d", 14)
local SIGNED = "^(.*)[?&]stime=(" .. TIME .. ")&etime=(" .. TIME .. ")&encoded=0(" .. rep("%x", DIGITS) .. ")$"

local M = {}

-- Times compare as their digits do.
local known_second, known_text = 0, ""
local function now()
  local second = time()
  if second ~= known_second then known_second, known_text = second, date("!%Y%m%d%H%M%S", second) end
  return known_text
end

local function to_hex(char) return format("%02x", byte(char)) end

-- In a time that does not tell how much of a guess was right.
local function is_same(one, other)
  local difference = 0
  for index = 1, DIGITS do difference = bor(difference, bxor(byte(one, index), byte(other, index))) end
  return difference == 0
end

local function is_signed_with(secret, text, digits)
  return is_same(gsub(sub(hmac_sha1(secret, text), 1, DIGITS / 2), ".", to_hex), digits)
end

local function is_signed(rule, text, digits)
  for index = 1, #rule.secrets do
    local secret = secrets.find(rule.secrets[index])
    if secret and is_signed_with(secret, text, digits) then return true end
  end
  return false
end

local function is_guarded(access, path)
  for index = 1, #access do
    local rule = access[index]
    if rule.type == "signed_url" and patterns.any_matches(rule.paths, path) then return true end
  end
  return false
end

-- Every rule for the path must know the signature.
local function is_let_in(access, path, text, digits)
  for index = 1, #access do
    local rule = access[index]
    if rule.type == "signed_url" and patterns.any_matches(rule.paths, path) and not is_signed(rule, text, digits) then
      return false
    end
  end
  return true
end

--- The target and the path that a request means: where its path wants a signature, without it. nil when that is missing,
-- out of its time or wrong. The signature is over the URL as it was sent.
function M.unsigned(access, var, target, path)
  local before, from, until_, digits = match(var.request_uri, SIGNED)
  if not before then
    if is_guarded(access, path) then return nil end
    return target, path
  end
  local bare_target, bare_path = url.canonical(before)
  if not bare_target or not is_guarded(access, bare_path) then
    if is_guarded(access, path) then return nil end
    return target, path
  end
  local at = now()
  if at < from or at >= until_ then return nil end
  local text = before .. "&stime=" .. from .. "&etime=" .. until_
  if not is_let_in(access, bare_path, text, lower(digits)) then return nil end
  return bare_target, bare_path
end

return M
