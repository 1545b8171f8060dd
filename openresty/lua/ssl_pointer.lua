-- OpenSSL's own object of the connection whose handshake this is. Phases: ssl_client_hello and ssl_certificate; no dict.
local ffi = require "ffi"
local get_request = require("resty.core.base").get_request
local ssl = require "ngx.ssl"

local C = ffi.C

-- Older versions have the function, and nobody who calls it.
if not ssl.get_req_ssl_pointer then ffi.cdef "void *ngx_http_lua_ffi_get_req_ssl_pointer(void *r);" end

local M = {}

M.current = ssl.get_req_ssl_pointer or function() return C.ngx_http_lua_ffi_get_req_ssl_pointer(get_request()) end

return M
