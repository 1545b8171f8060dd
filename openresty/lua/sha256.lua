-- SHA-256 by FFI to the libcrypto that nginx itself runs on. Any phase; no dict.
local ffi = require "ffi"

local C, ffi_string = ffi.C, ffi.string
local pcall, setmetatable = pcall, setmetatable

ffi.cdef [[
void *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(void *ctx);
const void *EVP_sha256(void);
void *EVP_MD_fetch(void *libctx, const char *algorithm, const char *properties);
int EVP_DigestInit_ex(void *ctx, const void *type, void *engine);
int EVP_DigestUpdate(void *ctx, const void *data, size_t length);
int EVP_DigestFinal_ex(void *ctx, unsigned char *digest, unsigned int *length);
unsigned char *ngx_hex_dump(unsigned char *dst, unsigned char *src, size_t length);
]]

local M = {}
local Sum = {}
Sum.__index = Sum

-- Fetched once: OpenSSL 3 otherwise looks the algorithm up for every digest. Before 3 there is nothing to fetch.
local fetched, algorithm = pcall(function() return C.EVP_MD_fetch(nil, "SHA256", nil) end)
if not fetched or algorithm == nil then
  algorithm = C.EVP_sha256()
end

local digest = ffi.new("unsigned char[32]")
local hex = ffi.new("unsigned char[64]")

local function begin(ctx)
  if C.EVP_DigestInit_ex(ctx, algorithm, nil) ~= 1 then
    return nil, "libcrypto refused to begin a digest"
  end
  return true
end

local function finish(ctx)
  if C.EVP_DigestFinal_ex(ctx, digest, nil) ~= 1 then
    return nil, "libcrypto refused to end a digest"
  end
  C.ngx_hex_dump(hex, digest, 32)
  return ffi_string(hex, 64)
end

local shared_ctx = ffi.gc(C.EVP_MD_CTX_new(), C.EVP_MD_CTX_free)

--- The digest of one text, as 64 hex digits.
function M.hex(text)
  local ok, err = begin(shared_ctx)
  if not ok then return nil, err end
  if C.EVP_DigestUpdate(shared_ctx, text, #text) ~= 1 then
    return nil, "libcrypto refused to digest"
  end
  return finish(shared_ctx)
end

--- A digest over texts that come one after another.
function M.sum()
  local ctx = ffi.gc(C.EVP_MD_CTX_new(), C.EVP_MD_CTX_free)
  local ok, err = begin(ctx)
  if not ok then return nil, err end
  return setmetatable({ ctx = ctx }, Sum)
end

function Sum:add(text)
  return C.EVP_DigestUpdate(self.ctx, text, #text) == 1
end

function Sum:hex()
  return finish(self.ctx)
end

return M
