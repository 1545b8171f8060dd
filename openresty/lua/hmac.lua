-- HMAC-SHA256 by FFI to libcrypto. Any phase; no dict.
local ffi = require "ffi"

local C, ffi_string = ffi.C, ffi.string

ffi.cdef [[
const void *EVP_sha256(void);
unsigned char *HMAC(const void *algorithm, const void *key, int key_length, const unsigned char *text, size_t length,
                    unsigned char *digest, unsigned int *digest_length);
]]

local M = {}

local algorithm = C.EVP_sha256()
local digest = ffi.new("unsigned char[32]")
local digest_length = ffi.new("unsigned int[1]")

--- 32 bytes.
function M.sha256(key, text)
  if C.HMAC(algorithm, key, #key, text, #text, digest, digest_length) == nil then error("libcrypto refused an HMAC") end
  return ffi_string(digest, 32)
end

return M
