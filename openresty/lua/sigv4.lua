-- AWS Signature Version 4, by FFI to libcrypto. Any phase; no dict.
local ffi = require "ffi"
local lrucache = require "resty.lrucache"
local sha256 = require "sha256"

local C, ffi_string = ffi.C, ffi.string
local byte, format, gsub, sub = string.byte, string.format, string.gsub, string.sub

ffi.cdef [[
const void *EVP_sha256(void);
unsigned char *HMAC(const void *algorithm, const void *key, int key_length, const unsigned char *text, size_t length,
                    unsigned char *digest, unsigned int *digest_length);
]]

local KEYS_MAX = 2000

local M = {}

local algorithm = C.EVP_sha256()
local digest = ffi.new("unsigned char[32]")
local digest_length = ffi.new("unsigned int[1]")

local function hmac(key, text)
  if C.HMAC(algorithm, key, #key, text, #text, digest, digest_length) == nil then error("libcrypto refused an HMAC") end
  return ffi_string(digest, 32)
end

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
