-- What certificates and keys say of themselves, by FFI to the libcrypto and libssl that nginx runs on. `chain` and `key` are
-- what ngx.ssl makes of PEM. Any phase; no dict.
local ffi = require "ffi"
local ssl = require "ngx.ssl"

local C, ffi_string, new = ffi.C, ffi.string, ffi.new
local find, gsub, sub = string.find, string.gsub, string.sub
local pcall, setmetatable, time, tonumber = pcall, setmetatable, ngx.time, tonumber

ffi.cdef [[
void *OPENSSL_sk_value(const void *stack, int index);
int OPENSSL_sk_num(const void *stack);
int OPENSSL_sk_push(void *stack, const void *element);
int X509_up_ref(void *certificate);
void X509_free(void *certificate);
int X509_check_private_key(const void *certificate, const void *key);
void *X509_get0_pubkey(const void *certificate);
const void *X509_get0_notBefore(const void *certificate);
const void *X509_get0_notAfter(const void *certificate);
int ASN1_TIME_diff(int *days, int *seconds, const void *from, const void *to);
int X509_check_host(void *certificate, const char *name, size_t length, unsigned int flags, char **peername);
int EVP_PKEY_base_id(const void *key);
int EVP_PKEY_get_base_id(const void *key);
const void *TLS_server_method(void);
void *SSL_CTX_new(const void *method);
void SSL_CTX_free(void *ctx);
int SSL_CTX_use_certificate(void *ctx, void *certificate);
long SSL_CTX_ctrl(void *ctx, int command, long number, void *pointer);
unsigned long ERR_peek_last_error(void);
const char *ERR_reason_error_string(unsigned long code);
void ERR_clear_error(void);
]]

local TYPES = { [6] = "rsa", [408] = "ecdsa" }
-- A name stands in the alternative names alone (RFC 9525 § 6.3), its wildcard is a whole label.
local CHECK_FLAGS = 0x4 + 0x20
local ADD_CHAIN_CERTIFICATE = 89
local DAY = 86400
local BEGIN_LINE, END_LINE = "-----BEGIN ", "-----END CERTIFICATE-----"

-- OpenSSL 3 has given the function another name.
local has_new_name, get_base_id = pcall(function() return C.EVP_PKEY_get_base_id end)
if not has_new_name then get_base_id = C.EVP_PKEY_base_id end

local days, seconds = new("int[1]"), new("int[1]")

local M = {}

-- Most certificates have the same intermediates: 4 KB each, once, for as long as somebody holds them.
local intermediates = setmetatable({}, { __mode = "v" })

local function intermediates_of(text)
  local known = intermediates[text]
  if known then return known end
  local parsed, err = ssl.parse_pem_cert(text)
  intermediates[text] = parsed
  return parsed, err
end

local function append(chain, others)
  for index = 0, C.OPENSSL_sk_num(others) - 1 do
    local one = C.OPENSSL_sk_value(others, index)
    if C.X509_up_ref(one) ~= 1 then return nil, "OpenSSL keeps no more" end
    if C.OPENSSL_sk_push(chain, one) == 0 then
      C.X509_free(one)
      return nil, "no memory"
    end
  end
  return true
end

--- The chain that a text in PEM is, and what must be held as long as it; or nil and why it is none.
function M.parse(text)
  local _, stop = find(text, END_LINE, 1, true)
  local chain, err = ssl.parse_pem_cert(stop and sub(text, 1, stop) .. "\n" or text)
  if not chain then return nil, err end
  if not stop or not find(text, BEGIN_LINE, stop, true) then return chain end
  local others, fault = intermediates_of(sub(text, stop + 1))
  if not others then return nil, fault end
  local ok, failure = append(chain, others)
  if not ok then return nil, failure end
  return chain, others
end

local function leaf_of(chain) return C.OPENSSL_sk_value(chain, 0) end

local function unix_time(moment)
  if C.ASN1_TIME_diff(days, seconds, nil, moment) ~= 1 then return nil end
  return time() + days[0] * DAY + seconds[0]
end

function M.length(chain) return C.OPENSSL_sk_num(chain) end

--- `rsa`, `ecdsa`, or nil for others.
function M.type_of(chain)
  local key = C.X509_get0_pubkey(leaf_of(chain))
  if key == nil then
    C.ERR_clear_error()
    return nil
  end
  return TYPES[tonumber(get_base_id(key))]
end

--- From when and until when the first of the chain holds, in Unix seconds.
function M.times_of(chain)
  local leaf = leaf_of(chain)
  return unix_time(C.X509_get0_notBefore(leaf)), unix_time(C.X509_get0_notAfter(leaf))
end

--- Whether a client that asks for this name believes the certificate. `*.` at the front: for any one label.
function M.covers(chain, name)
  local asked = sub(name, 1, 2) == "*." and gsub(name, "^%*", "any") or name
  if find(asked, "%z") then return false end
  return C.X509_check_host(leaf_of(chain), asked, #asked, CHECK_FLAGS, nil) == 1
end

local function reason_of_openssl()
  local reason = C.ERR_reason_error_string(C.ERR_peek_last_error())
  -- What stays in OpenSSL's queue would be taken for a fault of the next TLS connection.
  C.ERR_clear_error()
  return reason ~= nil and ffi_string(reason) or "OpenSSL refuses it"
end

local function is_taken(ctx, chain)
  if C.SSL_CTX_use_certificate(ctx, leaf_of(chain)) ~= 1 then return false end
  for index = 1, M.length(chain) - 1 do
    if C.SSL_CTX_ctrl(ctx, ADD_CHAIN_CERTIFICATE, 1, C.OPENSSL_sk_value(chain, index)) ~= 1 then return false end
  end
  return true
end

--- Why a handshake could not use it: a weak key or signature.
function M.fault(chain)
  local ctx = ffi.gc(C.SSL_CTX_new(C.TLS_server_method()), C.SSL_CTX_free)
  local fault = not is_taken(ctx, chain) and reason_of_openssl() or nil
  C.SSL_CTX_free(ffi.gc(ctx, nil))
  return fault
end

--- Why a key is not the chain's.
function M.key_fault(chain, key)
  if C.X509_check_private_key(leaf_of(chain), key) == 1 then return nil end
  return reason_of_openssl()
end

return M
