-- AWS Signature Version 4. Any phase; no dict.
local hmac = require("hmac").sha256
local lrucache = require "resty.lrucache"
local sha256 = require "sha256"

local byte, format, gsub, sub = string.byte, string.format, string.gsub, string.sub
local KEYS_MAX = 2000

local M = {}


local function hex(bytes)
  return (gsub(bytes, ".", function(char) return format("%02x", byte(char)) end))
end

-- A key holds for one secret, region and day; it is made anew once a day.
local keys = assert(lrucache.new(KEYS_MAX))

local function signing_key(secret, region, day)
  local name = region .. "/" .. secret
  local known = keys:get(name)
  if known and known.day == day then return known.key end
  local key = hmac(hmac(hmac(hmac("AWS4" .. secret, day), region), "s3"), "aws4_request")
  keys:set(name, { day = day, key = key })
  return key
end

--- The value of the Authorization header. `time`: as in X-Amz-Date, `20130524T000000Z`. `headers`: the signed ones in
-- canonical form, a line each; `names`: theirs, with semicolons. `target`: the path exactly as it is sent.
function M.authorization(who, time, method, target, headers, names, payload_hash)
  local day = sub(time, 1, 8)
  local scope = day .. "/" .. who.region .. "/s3/aws4_request"
  local request = method .. "\n" .. target .. "\n\n" .. headers .. "\n" .. names .. "\n" .. payload_hash
  local text = "AWS4-HMAC-SHA256\n" .. time .. "\n" .. scope .. "\n" .. sha256.hex(request)
  local signature = hex(hmac(signing_key(who.secret, who.region, day), text))
  return "AWS4-HMAC-SHA256 Credential=" .. who.access_key_id .. "/" .. scope .. ",SignedHeaders=" .. names .. ",Signature="
    .. signature
end

return M
