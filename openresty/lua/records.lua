-- Which store keeps what of the feed: records go there whether they come from the disk or over the control socket. A store
-- has put(record) → true, or nil, a message and, when a later record may yet make room for it, `true`; remove(record); and
-- for a load clear(), mark_loaded(), is_loaded(). Phases: init and content of the control server; no dict.
local certificates = require "certificates"
local challenges = require "challenges"
local documents = require "documents"
local marks = require "marks"
local sha256 = require "sha256"
local shield = require "shield"

local pairs = pairs

-- Structures are files, secrets and their keyring are sealed, and a node's state is the agent's: those come another way.
local STORES = {
  certificate = certificates, challenge = challenges, document = documents, purge = marks, shield = shield,
}

local M = {}

--- Why the body of a record is not to be believed; nil when it is.
function M.fault(record)
  if sha256.hex(record.body) ~= record.hash then return "the body is not the one that was signed" end
end

--- Puts or removes one record. nil: done; else the message of a refusal, and whether it is worth another try at the end.
function M.take(record)
  local store = STORES[record.kind]
  if not store then return nil end
  if record.op == "del" then
    store.remove(record)
    return nil
  end
  local ok, message, may_yet = store.put(record)
  if not ok then return message, may_yet end
end

--- A record that is not to be served: what was served before it still is.
function M.hold_back(record)
  local store = STORES[record.kind]
  if store and store.reserve then store.reserve(record) end
end

--- A record that is served, and is not to be: nothing is served in its place until that comes.
function M.take_back(record)
  local store = STORES[record.kind]
  if not store then return nil end
  store.remove(record)
  M.hold_back(record)
end

local function each_says(name)
  for _, store in pairs(STORES) do
    if not store[name]() then return false end
  end
  return true
end

--- Marks the dicts as filled. A reload that changes a dict's size empties it, and the mark goes with it.
function M.mark_loaded() return each_says("mark_loaded") end

function M.is_loaded() return each_says("is_loaded") end

--- Before a load only: forgets what a reload with other sizes has left in some of the dicts.
function M.clear()
  for _, store in pairs(STORES) do store.clear() end
end

return M
