-- By what keys a viewer's ticket is sealed that spares both sides a handshake. They follow from one secret of the edge group
-- and the hour, so that a ticket of one edge is good on all of them and over reloads, and they change every four hours
-- without a reload. nginx seals with its first key and opens with each: current, former, next (a clock may be ahead).
-- Phases: init and ssl_client_hello. Reads and, before the agent has, writes the dict `secrets` through `secrets`.
--
-- nginx reads keys from files alone, when it starts. So it is given three files, which tell where in its memory the keys
-- are, and these are written over before the first handshake. Where they are not found there are no tickets.
local ffi = require "ffi"
local hmac = require("hmac").sha256
local secrets = require "secrets"
local ssl_pointer = require "ssl_pointer"

local ngx = ngx
local C, cast, copy, ffi_string, new = ffi.C, ffi.cast, ffi.copy, ffi.string, ffi.new
local find, sub = string.find, string.sub
local assert, floor, ipairs, pcall = assert, math.floor, ipairs, pcall

ffi.cdef [[
typedef struct { void *elements; uintptr_t count; size_t size; } edge_ngx_array;
int ngx_ssl_ticket_keys_index;
int ngx_ssl_session_ticket_keys_index;
void *SSL_get_SSL_CTX(const void *ssl);
void *SSL_CTX_get_ex_data(const void *ctx, int index);
unsigned long SSL_set_options(void *ssl, unsigned long options);
int SSL_set_session_id_context(void *ssl, const unsigned char *context, unsigned int length);
int RAND_bytes(unsigned char *buffer, int count);
]]

-- A session may be resumed for as long (ssl_session_timeout), so that a ticket outlives no more than one change.
local WINDOW_SECONDS = 4 * 3600
-- Of these windows, counted from now.
local OFFSETS = { 0, -1, 1 }
local KEY_BYTES = 80
local ELEMENT_BYTES_MAX = 256
local NO_TICKET = 0x4000
-- Under which id the group's secret is among the others (agents/apply/open-secrets.ts).
local ROOT = "00000000-0000-0000-0000-7469636b6574"

-- nginx has given it another name in 1.23.
local has_new_name, index = pcall(function() return C.ngx_ssl_ticket_keys_index end)
if not has_new_name then index = C.ngx_ssl_session_ticket_keys_index end

local seeds = {}
local places
local known_root, known_window

local M = {}

--- The clock; specs turn it.
M.time = ngx.time

--- Learns what nginx has just read from its files, so that it is found again.
function M.begin(contents)
  seeds = contents
  if secrets.find(ROOT) then return end
  -- Until the agent brings the group's: it may be long away.
  local random = new("unsigned char[32]")
  assert(C.RAND_bytes(random, 32) == 1)
  secrets.merge({ [ROOT] = ffi_string(random, 32) })
end

--- A window's key as nginx has it in memory: name, key of the HMAC, key of AES.
function M.key_of(root, window)
  return sub(hmac(root, "name " .. window), 1, 16) .. hmac(root, "mac " .. window) .. hmac(root, "aes " .. window)
end

--- Where each of the keys is that nginx has read from files; nil when one is not found.
function M.places_in(array)
  if array == nil or array.count ~= #OFFSETS or array.size < KEY_BYTES or array.size > ELEMENT_BYTES_MAX then return nil end
  local found = {}
  for place = 1, #OFFSETS do
    local element = cast("unsigned char *", array.elements) + (place - 1) * array.size
    local seed = seeds[place]
    local at = seed and #seed == KEY_BYTES and find(ffi_string(element, array.size), seed, 1, true)
    if not at then return nil end
    found[place] = element + at - 1
  end
  return found
end

local function find_places(connection)
  if places ~= nil then return end
  local array = cast("edge_ngx_array *", C.SSL_CTX_get_ex_data(C.SSL_get_SSL_CTX(connection), index))
  places = M.places_in(array) or false
  if not places then ngx.log(ngx.ERR, "nginx keeps the keys of session tickets elsewhere: there are no tickets") end
end

local function write_keys(root, window)
  for place, offset in ipairs(OFFSETS) do copy(places[place], M.key_of(root, window + offset), KEY_BYTES) end
  known_root, known_window = root, window
end

--- Before OpenSSL reads a ticket: today's keys are in place. `whose`: a session is resumed for that distribution alone (RFC
-- 6066 § 3: a server must not resume for another name), so that it never speaks for a host whose certificate it has not seen.
function M.prepare(whose)
  local connection = ssl_pointer.current()
  find_places(connection)
  C.SSL_set_session_id_context(connection, whose, #whose)
  if not places then
    C.SSL_set_options(connection, NO_TICKET)
    return
  end
  local root, window = secrets.find(ROOT), floor(M.time() / WINDOW_SECONDS)
  if root ~= known_root or window ~= known_window then write_keys(root, window) end
end

return M
