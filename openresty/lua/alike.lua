-- Which kept variant fits a request that misses by its own words: one that was made by a request which says the same with
-- other blanks, or one in the very language that this viewer likes best (RFC 9111 § 4.1; ADR 21). nginx compares bytes. So
-- the inner hop sends such a request back, the outer one looks it up in the words of the request that made the variant, and
-- what is not found so goes on in its own. Owns the dict `alike`, which may evict: then the origin is asked once more. Phases:
-- `place` in access and `note` in header_filter of the inner hop, `take` in access of the outer one.
local collapse = require "collapse"
local languages = require "languages"
local parent = require "parent"
local slices = require "slices"

local ngx = ngx
local dict = ngx.shared.alike
local decode_base64, encode_base64, md5_bin = ngx.decode_base64, ngx.encode_base64, ngx.md5_bin
local get_headers, set_header = ngx.req.get_headers, ngx.req.set_header
local find, gmatch, gsub, lower, match = string.find, string.gmatch, string.gsub, string.lower, string.match
local type = type

-- All of them, however many: nginx's own limits are of bytes.
local EVERY_LINE = 0
-- They go between the hops on one header line, beside the others.
local WORDS_BYTES_MAX = 4096
-- Credentials, and what is no list: these are compared byte by byte.
local UNFIT = { authorization = true, cookie = true, ["user-agent"] = true }

-- A request in the words of another one, and one that is in its own again (the variable edge_alike).
local AS_ANOTHER, AS_ITSELF = "~", "="

local M = {}

-- Answers to credentials are another matter than those to nobody in particular.
local function plain_key(var, key) return (var.http_authorization and "a" or "-") .. key end

local function vary_key(plain) return md5_bin("vary " .. plain) end
local function record_key(plain, said) return md5_bin("said " .. plain .. "|" .. said.others .. "|" .. said.wish) end
local function language_key(plain, said, language)
  return md5_bin("language " .. plain .. "|" .. said.others .. "|" .. lower(language))
end

-- One header line of a request, of no blanks.
local function word(name, value) return name .. ":" .. (value and encode_base64(value) or "-") end

-- RFC 9110 § 5.6.1: around the commas of a list they mean nothing.
local function without_blanks(value) return match(gsub(value, "[ \t]*,[ \t]*", ","), "^[ \t]*(.-)[ \t]*$") end

-- Between quotes and in comments, blanks may mean something.
local function is_fit(name, value)
  if UNFIT[name] or not find(name, "^[%w-]+$") then return false end
  return not value or (type(value) == "string" and not find(value, '["()\\]'))
end

-- What this request says of the headers that `vary` names: `exact` as it stands there, `wish` of languages, `others` but for
-- blanks. nil where it cannot be compared.
local function read(vary)
  local headers = get_headers(EVERY_LINE)
  local said = { exact = "", wish = "", others = "" }
  for name in gmatch(lower(vary), "[^%s,]+") do
    local value = headers[name]
    if not is_fit(name, value) then return nil end
    said.exact = said.exact .. word(name, value) .. " "
    local plain = value and without_blanks(value)
    if name == "accept-language" then
      said.wish = plain or "-"
      said.has_wish = true
    else
      said.others = said.others .. word(name, plain) .. " "
    end
  end
  return #said.exact <= WORDS_BYTES_MAX and said or nil
end

-- Somebody's who got an answer in the language that is liked best here: nothing else can please this viewer more.
local function made_in_favourite(plain, said)
  local favourite = said.has_wish and languages.favourite(said.wish)
  local record_at = favourite and dict:get(language_key(plain, said, favourite))
  local record = record_at and dict:get(record_at)
  if not record then return nil end
  local language, words = match(record, "^(%S+) (.*)$")
  return language == lower(favourite) and words or nil
end

-- Those of the words that are not the request's own.
local function changed(words, own)
  local text, next_own = "", gmatch(own, "%S+")
  for one in gmatch(words, "%S+") do
    if one ~= next_own() then text = text .. one .. " " end
  end
  return text ~= "" and text or nil
end

-- The words in which a request that misses is to be looked up; nil: its own are as good as any.
local function find_words(var, key)
  local plain = plain_key(var, key)
  local vary = dict:get(vary_key(plain))
  local said = vary and read(vary)
  if not said then return nil end
  local record = dict:get(record_key(plain, said))
  local words = record and match(record, "^%S+ (.*)$") or made_in_favourite(plain, said)
  return words and changed(words, said.exact)
end

-- Nothing was found in these words, which the request has taken.
local function forget(var, key)
  local plain = plain_key(var, key)
  local vary = dict:get(vary_key(plain))
  local said = vary and read(vary)
  if said then dict:delete(record_key(plain, said)) end
end

-- In the words of another, nothing is there: what is on its way is waited for, else this request takes its own again.
local function look_on(var, hop)
  if collapse.enter(var, hop.key, hop.rounds, hop.waited) then return "@again" end
  collapse.abandon(var)
  forget(var, hop.key)
  return "@alike"
end

--- Where the outer hop is to look again because of words; nil: nowhere. `hop`: what it says of this request (inner.lua).
function M.place(var, hop)
  if hop.status ~= "MISS" or var.edge_flight ~= "" or parent.is_one(var) or slices.is_slice(var.http_range) then return nil end
  if hop.words == AS_ANOTHER then return look_on(var, hop) end
  -- What others are about to bring may be the very answer, and nobody knows yet what that varies by.
  if hop.words ~= "" or collapse.is_under_way(var, hop.key) then return nil end
  local words = find_words(var, hop.key)
  if not words then return nil end
  ngx.header["X-Edge-Alike"] = words
  return "@alike"
end

--- An answer is kept for `ttl` seconds. `language`: that which it says to be in.
function M.note(var, key, vary, language, ttl)
  -- Nothing is sent back for what turns stale on its way.
  if ttl < 2 or lower(vary) == "accept-encoding" then return end
  local said = read(vary)
  if not said then return end
  local plain = plain_key(var, key)
  local record_at = record_key(plain, said)
  -- Words that nobody understands may be read by an origin as anything.
  if not language or not find(language, "^%a[%w-]*$") or not languages.is_understood(said.wish) then language = nil end
  dict:set(vary_key(plain), vary, ttl - 1)
  dict:set(record_at, lower(language or "-") .. " " .. said.exact, ttl - 1)
  if language and said.has_wish then dict:set(language_key(plain, said, language), record_at, ttl - 1) end
end

-- Returns the words that were there before.
local function rewrite(words)
  local headers, before = get_headers(EVERY_LINE), ""
  for name, value in gmatch(words, "([^%s:]+):(%S*)") do
    local own = headers[name]
    if type(own) ~= "table" then
      before = before .. word(name, own) .. " "
      set_header(name, value ~= "-" and decode_base64(value) or nil)
    end
  end
  return before
end

--- The inner hop has sent this request back: it takes the words of another, or its own again.
function M.take(var)
  local words = var.upstream_http_x_edge_alike
  local before = rewrite(words or var.edge_said)
  var.edge_said = words and before or ""
  var.edge_alike = words and AS_ANOTHER or AS_ITSELF
end

return M
