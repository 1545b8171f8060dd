-- Ed25519 signatures (RFC 8032) by FFI to libcrypto. Any phase; no dict.
local ffi = require "ffi"

local C = ffi.C
local decode_base64 = ngx.decode_base64

ffi.cdef [[
void *EVP_PKEY_new_raw_public_key(int type, void *engine, const unsigned char *key, size_t length);
void EVP_PKEY_free(void *key);
void *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(void *ctx);
int EVP_DigestVerifyInit(void *ctx, void **pctx, const void *type, void *engine, void *key);
int EVP_DigestVerify(void *ctx, const unsigned char *signature, size_t signature_length,
                     const unsigned char *text, size_t text_length);
void ERR_clear_error(void);
]]

local NID_ED25519 = 1087
local KEY_BYTES, SIGNATURE_BYTES = 32, 64

local M = {}

--- A public key from the base64 of its 32 raw bytes.
function M.key(base64)
  local raw = decode_base64(base64)
  if not raw or #raw ~= KEY_BYTES then
    return nil, "not 32 bytes of base64"
  end
  local key = C.EVP_PKEY_new_raw_public_key(NID_ED25519, nil, raw, #raw)
  if key == nil then
    C.ERR_clear_error()
    return nil, "libcrypto refused the key"
  end
  return ffi.gc(key, C.EVP_PKEY_free)
end

--- Whether `key` signed `text`; the signature is base64.
function M.verify(key, text, signature_base64)
  local signature = decode_base64(signature_base64)
  if not signature or #signature ~= SIGNATURE_BYTES then
    return false
  end
  local ctx = ffi.gc(C.EVP_MD_CTX_new(), C.EVP_MD_CTX_free)
  local valid = C.EVP_DigestVerifyInit(ctx, nil, nil, nil, key) == 1
    and C.EVP_DigestVerify(ctx, signature, #signature, text, #text) == 1
  C.EVP_MD_CTX_free(ffi.gc(ctx, nil))
  if not valid then
    -- What stays in OpenSSL's queue would be taken for a fault of the next TLS connection.
    C.ERR_clear_error()
  end
  return valid
end

return M
