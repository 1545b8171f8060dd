-- Loads what the edge served last from its disk: state/base (a checkpoint), state/journal (records since) and
-- state/addresses. Runs in init_by_lua, with the agent and the control plane perhaps gone; so it believes nothing
-- without a signature. Fills the dicts of `records`' stores, `facts` and `addresses` through their modules.
local addresses = require "addresses"
local cjson = require "cjson.safe"
local clock = require "clock"
local connection = require "connection"
local countries = require "countries"
local documents = require "documents"
local ed25519 = require "ed25519"
local facts = require "facts"
local ffi = require "ffi"
local frames = require "frames"
local node = require "node"
local records = require "records"
local session_tickets = require "session_tickets"
local sha256 = require "sha256"

-- Compiled before the workers fork, so that they share the memory and the first request waits for nothing.
require "balancer"
require "children"
require "control"
require "handshake"
require "inner"
require "outer"
require "pages"
require "pass"
require "workers"

local ngx = ngx
local concat = table.concat
local find, gmatch, sub = string.find, string.gmatch, string.sub
local ipairs, pairs = ipairs, pairs
local open = io.open

ffi.cdef [[ long readlink(const char *path, char *target, size_t size); ]]

local M = {}

local function read_file(path)
  local file = open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

local function read_ticket_keys(folder)
  local keys = {}
  for index = 1, 3 do keys[index] = read_file(folder .. "ticket-" .. index .. ".key") end
  return keys
end

local function link_target(path)
  local target = ffi.new("char[4096]")
  local length = ffi.C.readlink(path, target, 4096)
  return length > 0 and ffi.string(target, length) or nil
end

--- Whom to believe: {feed_id, scope, keys}; nil for an edge that never had a feed, nil and why when it cannot be read.
local function read_trust(folder)
  local text = read_file(folder .. "trust.json")
  if not text then return nil end
  local trust = cjson.decode(text)
  if not trust or not trust.feed_id or not trust.scope or not trust.keys then return nil, "state/trust.json is not readable" end
  local keys = {}
  for id, base64 in pairs(trust.keys) do
    local key, err = ed25519.key(base64)
    if not key then return nil, "state/trust.json: key " .. id .. ": " .. err end
    keys[id] = key
  end
  return { feed_id = trust.feed_id, scope = trust.scope, keys = keys }
end

local function is_signed(trust, signature, text)
  local colon = find(signature, ":", 1, true)
  local key = colon and trust.keys[sub(signature, 1, colon - 1)]
  return key and ed25519.verify(key, text, sub(signature, colon + 1)) or false
end

local function record_text(trust, record)
  return concat({ "edgewright-record-1", trust.feed_id, trust.scope, record.kind, record.id, record.rev, record.op,
    record.hash }, "\n")
end

local function checkpoint_text(head)
  return concat({ "edgewright-checkpoint-1", head.feed_id, head.scope, head.rev, head.count, head.digest }, "\n")
end

local function refusal(record, stage, message)
  return { kind = record.kind, id = record.id, rev = record.rev, stage = stage, message = message }
end

-- What is being loaded: how far it came, what was refused, what waits for a host that another record may yet release.
local function new_load(held_back) return { applied = 0, refused = {}, held = {}, held_back = held_back } end

local function held_back_key(kind, id, hash) return kind .. " " .. id .. " " .. hash end

-- What the agent found workers of nginx to die of, and what it was still looking at when it ended.
local function read_held_back(text)
  local set = {}
  for kind, id, hash in gmatch(text or "", "%a+ (%a+) (%S+) %d+ (%x+)\n") do set[held_back_key(kind, id, hash)] = true end
  return set
end

local function refuse(load, record, stage, message)
  load.refused[#load.refused + 1] = refusal(record, stage, message)
end

--- Puts one record whose origin is proven into its store.
local function accept(load, record)
  local fault = records.fault(record)
  if fault then return refuse(load, record, "verify", fault) end
  if load.held_back[held_back_key(record.kind, record.id, record.hash)] then
    records.hold_back(record)
    return refuse(load, record, "crash", "workers of nginx died while this was served")
  end
  local message, may_yet = records.take(record)
  if may_yet then
    load.held[#load.held + 1] = record
  elseif message then
    refuse(load, record, "push", message)
  end
end

local function damaged(load, path, reason, record)
  if record.id then return refuse(load, record, "verify", reason) end
  ngx.log(ngx.ERR, path, ": ", reason)
end

local function empty_store()
  records.clear()
  assert(records.mark_loaded())
end

local function head_fault(trust, head)
  if not head then return "it does not begin with a checkpoint line" end
  if head.feed_id ~= trust.feed_id or head.scope ~= trust.scope then return "it is of another feed" end
  if not is_signed(trust, head.signature, checkpoint_text(head)) then return "its signature is not of a trusted key" end
end

-- The signed digest covers the header lines, and each header its body. The digest is known at the end of the only pass:
-- what was loaded until then serves nobody yet.
local function load_checkpoint(load, path, source, head)
  local sum, count = assert(sha256.sum()), 0
  local function add(record)
    sum:add(record.header .. "\n")
    count = count + 1
  end
  for record, reason in frames.each(source) do
    if record.header then add(record) end
    if reason then damaged(load, path, reason, record) else accept(load, record) end
  end
  if count ~= head.count then return "it has " .. count .. " records, not " .. head.count end
  if sum:hex() ~= head.digest then return "its header lines are not those that were signed" end
  load.applied = head.rev
end

local function load_base(load, trust, path)
  local source = frames.source_of_file(path)
  if not source then return load end
  local head = frames.checkpoint_of(source:line() or "")
  local fault = head_fault(trust, head) or load_checkpoint(load, path, source, head)
  source:close()
  if not fault then return load end
  ngx.log(ngx.ERR, path, " is not loaded: ", fault)
  empty_store()
  return new_load(load.held_back)
end

-- Returns nothing for a record that a newer base holds already: the agent had no time to shorten the journal.
local function accept_signed(load, trust, record)
  if record.rev <= load.applied then return end
  if not is_signed(trust, record.signature, record_text(trust, record)) then
    return refuse(load, record, "verify", "its signature is not of a trusted key")
  end
  load.applied = record.rev
  accept(load, record)
end

local function load_journal(load, trust, path)
  local source = frames.source_of_file(path)
  if not source then return end
  for record, reason in frames.each(source) do
    if reason then damaged(load, path, reason, record) else accept_signed(load, trust, record) end
  end
  source:close()
end

local function retry_held(load)
  for _, record in ipairs(load.held) do
    local message = records.take(record)
    if message then refuse(load, record, "push", message) end
  end
end

local function load_state(folder)
  local trust, err = read_trust(folder)
  if not trust then
    if err then ngx.log(ngx.ERR, "nothing is loaded: ", err) end
    return new_load({})
  end
  facts.take_feed(trust.feed_id)
  local load = load_base(new_load(read_held_back(read_file(folder .. "held-back"))), trust, folder .. "base")
  load_journal(load, trust, folder .. "journal")
  retry_held(load)
  documents.let_go()
  return load
end

local function take_clock(home)
  local ok, err = clock.take(read_file(home .. "state/clock"))
  if not ok then ngx.log(ngx.ERR, "state/clock: ", err) end
end

function M.init()
  facts.begin()
  local home = ngx.config.prefix()
  countries.open(home)
  connection.read(read_file(home .. "tls/fallback.crt"))
  session_tickets.begin(read_ticket_keys(home .. "tls/"))
  facts.read_structure(link_target(home .. "current"))
  -- A reload must not take the edge back in time: the dicts are newer than the disk was when it was last read.
  if facts.applied() and records.is_loaded() then return end
  empty_store()
  take_clock(home)
  -- No file: nobody ever wanted anything but viewers.
  node.take(read_file(home .. "state/node") or "active")
  addresses.load(read_file(home .. "state/addresses"))
  local load = load_state(home .. "state/")
  facts.set_refused(load.refused)
  facts.finish_apply(load.applied)
  for _, entry in ipairs(load.refused) do
    ngx.log(ngx.ERR, "refused at start: ", entry.kind, " ", entry.id, " rev ", entry.rev, ": ", entry.message)
  end
  -- A hundred thousand decoded documents are garbage by now; the workers should not inherit it.
  collectgarbage()
  collectgarbage()
end

return M
