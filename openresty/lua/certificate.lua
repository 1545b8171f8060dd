-- What a certificate record is: decoded, checked, its chains parsed. Its writer is edge-templates/certificate.ts. The keys
-- come apart, as secrets, before or after it. Any phase; reads the dict `secrets` through `secrets`.
local cjson = require "cjson.safe"
local secrets = require "secrets"
local ssl = require "ngx.ssl"
local ssl_pointer = require "ssl_pointer"
local x509 = require "x509"

local ngx = ngx
local find, lower = string.find, string.lower
local huge, max, min = math.huge, math.max, math.min
local ipairs, pcall, tostring, type = ipairs, pcall, tostring, type

local FORMAT = 1
local BYTES_MAX = 64 * 1024
local DEPTH_MAX = 8
local NAMES_MAX, CHAINS_MAX, LENGTH_MAX = 100, 2, 10
local TYPES = { ecdsa = true, rsa = true }

local decoder = cjson.new()
decoder.decode_max_depth(DEPTH_MAX)

local M = {}

--- Whose certificates are for everybody's names, such as the wildcard of the platform's own zone.
M.PLATFORM = "00000000-0000-0000-0000-000000000000"
--- A name that each of those has besides its own, and that nobody can ask for: capitals are no host's.
M.STAND_IN = "STAND-IN"

local function is_id(value) return type(value) == "string" and #value == 36 and not find(value, "[^%x-]") end

local function name_fault(name)
  if type(name) ~= "string" or name == "" or #name > 253 or name ~= lower(name) then return true end
  return find(name, "[^a-z0-9._*-]") ~= nil or find(name, "*", 2, true) ~= nil or find(name, "^%*[^.]") ~= nil or name == "*"
end

local function names_fault(names)
  if type(names) ~= "table" or #names == 0 or #names > NAMES_MAX then return "names" end
  for index, name in ipairs(names) do
    if name_fault(name) then return "names." .. index - 1 end
  end
end

-- Parses the chain into `one.leaf` and `one.others`.
local function chain_fault(one, names)
  if type(one) ~= "table" or not TYPES[one.type] then return "type" end
  if not is_id(one.secret) then return "secret" end
  if type(one.chain) ~= "string" then return "chain" end
  if find(one.chain, "PRIVATE KEY", 1, true) then return "chain: it holds a private key" end
  local leaf, others = x509.parse(one.chain)
  if not leaf then return "chain: not PEM: " .. others end
  if x509.length(leaf, others) > LENGTH_MAX then return "chain: more than " .. LENGTH_MAX .. " certificates" end
  if x509.type_of(leaf) ~= one.type then return "chain: its key is not " .. one.type end
  for _, name in ipairs(names) do
    if not x509.covers(leaf, name) then return "chain: it is not for " .. name end
  end
  one.leaf, one.others = leaf, others
  local fault = x509.fault(leaf, others)
  return fault and "chain: " .. fault
end

local function chains_fault(chains, names)
  if type(chains) ~= "table" or #chains == 0 or #chains > CHAINS_MAX then return "chains" end
  for index, one in ipairs(chains) do
    local fault = chain_fault(one, names)
    if fault then return "chains." .. index - 1 .. "." .. fault end
  end
  if #chains == 2 and chains[1].type == chains[2].type then return "chains: two of one type" end
end

local function fault_of(decoded)
  if type(decoded) ~= "table" then return "not an object" end
  if decoded.format ~= FORMAT then return "not of a format that this edge knows" end
  if not is_id(decoded.account) then return "account" end
  return names_fault(decoded.names) or chains_fault(decoded.chains, decoded.names)
end

-- The times that count are those of the certificates themselves: with two, when both hold.
local function read_times(decoded)
  decoded.not_before, decoded.not_after = 0, huge
  for _, one in ipairs(decoded.chains) do
    local from, to = x509.times_of(one.leaf)
    if not from or not to then return "chains: not_before and not_after are not readable" end
    decoded.not_before, decoded.not_after = max(decoded.not_before, from), min(decoded.not_after, to)
  end
end

local function finish(decoded)
  local fault = read_times(decoded)
  if fault then return nil, fault end
  if decoded.account == M.PLATFORM then decoded.names[#decoded.names + 1] = M.STAND_IN end
  decoded.is_of = {}
  for _, name in ipairs(decoded.names) do decoded.is_of[name] = true end
  return decoded
end

local function decode(body)
  if #body > BYTES_MAX then return nil, "more than " .. BYTES_MAX .. " bytes" end
  local decoded, err = decoder.decode(body)
  if decoded == nil then return nil, "not JSON: " .. err end
  local fault = fault_of(decoded)
  if fault then return nil, fault end
  return finish(decoded)
end

--- The certificate, its chains parsed as `leaf` and `others`; or nil and what is wrong. No record may take an nginx with it.
function M.decode(body)
  local ok, certificate, fault = pcall(decode, body)
  if ok then return certificate, fault end
  return nil, "cannot be read: " .. tostring(certificate)
end

--- The same of a body that `decode` has found good before: nothing is looked at twice, and no text is kept, since a worker
-- may hold very many.
function M.read(body)
  local decoded = decoder.decode(body)
  for _, one in ipairs(decoded.chains) do
    one.leaf, one.others = x509.parse(one.chain)
    one.chain = nil
  end
  return finish(decoded)
end

-- A word on a key, never of it.
local function take_key(one)
  local pem = secrets.find(one.secret)
  if not pem then return nil end
  local key = ssl.parse_pem_priv_key(pem)
  if not key then return "its key is not PEM" end
  local fault = x509.key_fault(one.leaf, key)
  if fault then return "its key: " .. fault end
  one.key = key
end

--- Takes the keys that are here. What is wrong with one, if anything is; and whether all are here.
function M.take_keys(certificate)
  local is_whole = true
  for index, one in ipairs(certificate.chains) do
    local fault = not one.key and take_key(one)
    if fault then return "chains." .. index - 1 .. ": " .. fault, false end
    if not one.key then is_whole = false end
  end
  return nil, is_whole
end

--- Shows it to the viewer of this handshake: OpenSSL chooses between the chains by what the viewer understands.
function M.show(certificate)
  local connection = ssl_pointer.current()
  x509.clear(connection)
  for _, one in ipairs(certificate.chains) do
    local ok, err = x509.show(connection, one.leaf, one.others, one.key)
    if not ok then ngx.log(ngx.ERR, "a certificate was not taken by OpenSSL: ", err) end
  end
end

return M
