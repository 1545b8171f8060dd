-- What certificates and keys say of themselves, by FFI to the libcrypto and libssl that nginx runs on. `leaf`, `others` and
-- `key` are what ngx.ssl makes of PEM: the first certificate of a chain, those that follow it (if any do), a private key. Any
-- phase; `clear` and `show` in ssl_certificate. No dict.
local ffi = require "ffi"
local ssl = require "ngx.ssl"

local C, ffi_string, new = ffi.C, ffi.string, ffi.new
local find, gsub, sub = string.find, string.gsub, string.sub
local pcall, setmetatable, time, tonumber = pcall, setmetatable, ngx.time, tonumber

ffi.cdef [[
void *OPENSSL_sk_value(const void *stack, int index);
int OPENSSL_sk_num(const void *stack);
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
void SSL_certs_clear(void *ssl);
int SSL_use_cert_and_key(void *ssl, void *certificate, void *key, void *chain, int override);
unsigned long ERR_peek_last_error(void);
const char *ERR_reason_error_string(unsigned long code);
void ERR_clear_error(void);
]]

local TYPES = { [6] = "rsa", [408] = "ecdsa" }
-- A name stands in the alternative names alone (RFC 9525 § 6.3), its wildcard is a whole label.
local CHECK_FLAGS = 0x4 + 0x20
local REPLACE_CHAIN, ADD_CHAIN_CERTIFICATE = 88, 89
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

--- The first certificate of a text in PEM, and those that follow it; or nil and why there is none.
function M.parse(text)
  local _, stop = find(text, END_LINE, 1, true)
  local leaf, err = ssl.parse_pem_cert(stop and sub(text, 1, stop) .. "\n" or text)
  if not leaf then return nil, err end
  if not stop or not find(text, BEGIN_LINE, stop, true) then return leaf end
  local others, fault = intermediates_of(sub(text, stop + 1))
  if not others then return nil, fault end
  return leaf, others
end

local function first_of(leaf) return C.OPENSSL_sk_value(leaf, 0) end

local function unix_time(moment)
  if C.ASN1_TIME_diff(days, seconds, nil, moment) ~= 1 then return nil end
  return time() + days[0] * DAY + seconds[0]
end

function M.length(leaf, others)
  return C.OPENSSL_sk_num(leaf) + (others and C.OPENSSL_sk_num(others) or 0)
end

--- `rsa`, `ecdsa`, or nil for others.
function M.type_of(leaf)
  local key = C.X509_get0_pubkey(first_of(leaf))
  if key == nil then
    C.ERR_clear_error()
    return nil
  end
  return TYPES[tonumber(get_base_id(key))]
end

--- From when and until when it holds, in Unix seconds.
function M.times_of(leaf)
  local first = first_of(leaf)
  return unix_time(C.X509_get0_notBefore(first)), unix_time(C.X509_get0_notAfter(first))
end

--- Whether a client that asks for this name believes the certificate. `*.` at the front: for any one label.
function M.covers(leaf, name)
  local asked = sub(name, 1, 2) == "*." and gsub(name, "^%*", "any") or name
  if find(asked, "%z") then return false end
  return C.X509_check_host(first_of(leaf), asked, #asked, CHECK_FLAGS, nil) == 1
end

local function reason_of_openssl()
  local reason = C.ERR_reason_error_string(C.ERR_peek_last_error())
  -- What stays in OpenSSL's queue would be taken for a fault of the next TLS connection.
  C.ERR_clear_error()
  return reason ~= nil and ffi_string(reason) or "OpenSSL refuses it"
end

-- One to try certificates in: each takes the place of the former. To make one takes as long as all else.
local trial

local function is_taken(leaf, others)
  trial = trial or ffi.gc(C.SSL_CTX_new(C.TLS_server_method()), C.SSL_CTX_free)
  if C.SSL_CTX_use_certificate(trial, first_of(leaf)) ~= 1 then return false end
  C.SSL_CTX_ctrl(trial, REPLACE_CHAIN, 0, nil)
  for index = 0, others and C.OPENSSL_sk_num(others) - 1 or -1 do
    if C.SSL_CTX_ctrl(trial, ADD_CHAIN_CERTIFICATE, 1, C.OPENSSL_sk_value(others, index)) ~= 1 then return false end
  end
  return true
end

--- Why a handshake could not use them: a weak key or signature.
function M.fault(leaf, others) return not is_taken(leaf, others) and reason_of_openssl() or nil end

--- Why a key is not the certificate's.
function M.key_fault(leaf, key)
  if C.X509_check_private_key(first_of(leaf), key) == 1 then return nil end
  return reason_of_openssl()
end

--- Takes away what the viewer of this handshake would be shown.
function M.clear(connection) C.SSL_certs_clear(connection) end

--- Shows them beside those of another type; nil and why not.
function M.show(connection, leaf, others, key)
  if C.SSL_use_cert_and_key(connection, first_of(leaf), key, others, 1) == 1 then return true end
  return nil, reason_of_openssl()
end

return M
