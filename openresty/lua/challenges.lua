-- What certificate authorities are to read here: answers to HTTP-01 challenges (RFC 8555 § 8.3), by their token, for whatever
-- host: which host is to be proven only the authority knows. Owns the dict `challenges`. A store of `records`, whose bodies
-- are challengeBodySchema in agents/record-bodies.ts; reading: access of the outer server, at each of its doors.
local cjson = require "cjson.safe"
local documents = require "documents"
local pointer = require "pointer"

local ngx = ngx
local dict = ngx.shared.challenges
local byte, find, match, sub = string.byte, string.find, string.match, string.sub
local type = type

local FORMAT = 1
local TOKEN_MAX, KEY_AUTHORIZATION_MAX = 128, 300
local PATH = "^/%.well%-known/acme%-challenge/([%w_-]+)$"
local DOT = 0x2e
local ID_WIDTH = 36

local M = {}

-- The names of the entries: a token's is whose it is and its answer, a record's is its version and its token.
local function token_key(token) return "t|" .. token end
local function record_key(id) return "r|" .. id end

local function is_text(value, set, max)
  return type(value) == "string" and value ~= "" and #value <= max and not find(value, set)
end

local function fault_of(decoded)
  if type(decoded) ~= "table" then return "not an object" end
  if decoded.format ~= FORMAT then return "not of a format that this edge knows" end
  if not is_text(decoded.token, "[^%w_-]", TOKEN_MAX) then return "token" end
  if not is_text(decoded.key_authorization, "[^%w_.-]", KEY_AUTHORIZATION_MAX) then return "key_authorization" end
end

local function decode(body)
  local decoded, err = cjson.decode(body)
  if decoded == nil then return nil, "not JSON: " .. err end
  local fault = fault_of(decoded)
  if fault then return nil, fault end
  return decoded
end

-- Not the token of another record that has come since.
local function release(id, token)
  local held = dict:get(token_key(token))
  if held and sub(held, 1, ID_WIDTH) == id then dict:delete(token_key(token)) end
end

-- Nothing is evicted for it.
local function keep(key, value)
  local ok, err = dict:safe_set(key, value)
  if ok then return true end
  return nil, "the memory for challenges: " .. err
end

function M.put(record)
  local id = record.id
  local held = dict:get(record_key(id))
  if held and pointer.is_newer(held, record) then return true end
  local decoded, fault = decode(record.body)
  if not decoded then return nil, fault end
  local token = decoded.token
  local ok, err = keep(token_key(token), id .. decoded.key_authorization)
  if ok then ok, err = keep(record_key(id), pointer.of(record) .. token) end
  if not ok then
    release(id, token)
    return nil, err
  end
  local former = held and sub(held, pointer.WIDTH + 1)
  if former and former ~= token then release(id, former) end
  return true
end

function M.remove(record)
  local id = record.id
  local held = dict:get(record_key(id))
  if not held or pointer.is_newer(held, record) then return end
  dict:delete(record_key(id))
  release(id, sub(held, pointer.WIDTH + 1))
end

function M.mark_loaded() return dict:safe_set("loaded", true) end
function M.is_loaded() return dict:get("loaded") end

function M.clear()
  dict:flush_all()
  dict:flush_expired()
end

--- The answer to the challenge that this path asks for; nil: whoever serves the host may know it.
function M.find(path)
  -- Hardly a path begins with a dot.
  if byte(path, 2) ~= DOT then return nil end
  local token = match(path, PATH)
  local held = token and #token <= TOKEN_MAX and dict:get(token_key(token))
  return held and sub(held, ID_WIDTH + 1) or nil
end

--- Gives that answer, and has it logged where the host is a customer's who is not cut off.
function M.answer(var, found, id)
  local document = id and documents.find(id)
  if document then
    var.edge_distribution, var.edge_path = id, var.uri
    if not document.over_quota then var.edge_account = document.account end
  end
  ngx.header["Content-Type"] = "text/plain"
  ngx.header["Content-Length"] = #found
  ngx.header["Cache-Control"] = "no-store"
  ngx.print(found)
  return ngx.exit(200)
end

return M
