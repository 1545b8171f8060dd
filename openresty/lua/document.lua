-- What a document is: decoded, checked, and prepared for look-ups. Its writer is edge-templates/document.ts. Any phase;
-- no dict.
local access_rules = require "access_rules"
local cache_rules = require "cache_rules"
local cjson = require "cjson.safe"
local compression = require "compression"
local cors = require "cors"
local header_rules = require "header_rules"
local hsts = require "hsts"
local lrucache = require "resty.lrucache"
local origins = require "origins"
local rate_limits = require "rate_limits"
local redirects = require "redirects"

local ipairs, pairs, pcall, tostring, type = ipairs, pairs, pcall, tostring, type
local find, lower, sub = string.find, string.lower, string.sub

local FORMAT = 2
local BYTES_MAX = 32 * 1024
local DEPTH_MAX = 16
local POLICIES_MAX = 200

local decoder = cjson.new()
decoder.decode_max_depth(DEPTH_MAX)

local M = {}

local function is_text(value) return type(value) == "string" and value ~= "" end
local function is_flag(value) return type(value) == "boolean" end

--- The hosts when they are readable, even where the rest is not.
function M.hosts_of(decoded)
  local hosts = type(decoded) == "table" and decoded.hosts
  if type(hosts) ~= "table" or #hosts == 0 then return nil end
  for _, host in ipairs(hosts) do
    if not is_text(host) or #host > 255 or host ~= lower(host) then return nil end
  end
  return hosts
end

-- Thousands of distributions share a few cache policies, which are the larger part of a document: each text of one is
-- decoded and checked once, and its table shared. Halves the time of a cold start.
local policies = assert(lrucache.new(POLICIES_MAX))

local function policy_of(text)
  local policy = policies:get(text)
  if policy then return policy end
  local decoded = decoder.decode("{" .. text .. "}")
  if type(decoded) ~= "table" or cache_rules.fault(decoded.cache) then return nil end
  policies:set(text, cache_rules.prepare(decoded.cache))
  return decoded.cache
end

-- In canonical JSON `cache` stands before `compression`. Both parts must be whole JSON, or the split was no split.
local function decode_around_policy(body)
  local from = find(body, '"cache":', 1, true)
  local to = from and find(body, ',"compression":', from, true)
  local policy = to and policy_of(sub(body, from, to - 1))
  if not policy then return nil end
  local decoded = decoder.decode(sub(body, 1, from - 1) .. sub(body, to + 1))
  if type(decoded) ~= "table" or decoded.cache ~= nil then return nil end
  decoded.cache = policy
  return decoded
end

-- What a document may have besides: checked and made ready by the module that reads it.
local PARTS = {
  access = access_rules, cors = cors, headers = header_rules, hsts = hsts, limits = rate_limits, redirects = redirects,
}

local function parts_fault(decoded)
  for name, part in pairs(PARTS) do
    local fault = decoded[name] ~= nil and part.fault(decoded[name])
    if fault then return fault end
  end
end

local function prepare(decoded)
  origins.prepare(decoded.origin)
  for name, part in pairs(PARTS) do
    if decoded[name] ~= nil then part.prepare(decoded[name]) end
  end
  return decoded
end

-- Absent: off.
local SWITCHES = { "disabled", "livestream", "over_quota" }
local FLAGS = { "http2", "http3", "https", "redirect_to_https" }

local function fault_of(decoded, id)
  if type(decoded) ~= "table" then return "not an object" end
  if decoded.format ~= FORMAT then return "not of a format that this edge knows" end
  if decoded.id ~= id then return "its id is not the record's" end
  if not is_text(decoded.account) then return "account" end
  if not M.hosts_of(decoded) then return "hosts" end
  for _, name in ipairs(FLAGS) do
    if not is_flag(decoded[name]) then return name .. ": not a flag" end
  end
  for _, name in ipairs(SWITCHES) do
    if decoded[name] ~= nil and decoded[name] ~= true then return name .. ": not a switch" end
  end
  return origins.fault(decoded.origin) or compression.fault(decoded.compression) or parts_fault(decoded)
end

local function decode(body, id)
  if #body > BYTES_MAX then return nil, "more than " .. BYTES_MAX .. " bytes" end
  local known = decode_around_policy(body)
  if known and not fault_of(known, id) then return prepare(known) end
  local decoded, err = decoder.decode(body)
  if decoded == nil then return nil, "not JSON: " .. err end
  local fault = fault_of(decoded, id) or cache_rules.fault(decoded.cache)
  if fault then return nil, fault, decoded end
  cache_rules.prepare(decoded.cache)
  return prepare(decoded)
end

--- The document, ready for look-ups; or nil, what is wrong and whatever could be decoded. One that nobody foresaw must not
-- take others with it: neither those of the same push, nor a whole nginx that starts with it.
function M.decode(body, id)
  local ok, document, fault, decoded = pcall(decode, body, id)
  if ok then return document, fault, decoded end
  return nil, "cannot be read: " .. tostring(document)
end

return M
