-- What this nginx knows of itself. Owns the dict `edge`; any phase. Nothing here is ever flushed: a reload keeps it.
local cjson = require "cjson.safe"

local edge = ngx.shared.edge
local concat, format = table.concat, string.format
local byte, gsub, match, sub = string.byte, string.gsub, string.match, string.sub
local open = io.open

local REFUSED_MAX = 1000
local MESSAGE_CHARS_MAX = 300

local M = {}

local function random_hex(bytes)
  local source = assert(open("/dev/urandom", "rb"))
  local raw = source:read(bytes)
  source:close()
  return (gsub(raw, ".", function(char) return format("%02x", byte(char)) end))
end

local function random_uuid()
  local hex = random_hex(16)
  return concat({ sub(hex, 1, 8), sub(hex, 9, 12), "4" .. sub(hex, 14, 16), "a" .. sub(hex, 18, 20), sub(hex, 21, 32) }, "-")
end

--- Makes what lives as long as this nginx: who it is and the secret of its probes.
function M.begin()
  if edge:get("boot_id") then return end
  edge:set("boot_id", random_uuid())
  edge:set("probe_secret", random_hex(24))
  edge:set("generation", 1)
  edge:set("feed_turn", 0)
  edge:set("documents", 0)
  edge:set("document_bytes", 0)
end

--- Whether this is the agent's throw-away nginx, which tries a structure out (agents/apply/taste.ts).
function M.is_taste() return match(ngx.config.prefix(), "/run/taste/$") ~= nil end

function M.boot_id() return edge:get("boot_id") end
function M.probe_secret() return edge:get("probe_secret") end

--- The revision up to which everything is applied or refused; nil until the state was loaded.
function M.applied() return edge:get("applied") end
--- Grows with every change of the store: what a worker decoded under another generation is looked at again.
function M.generation() return edge:get("generation") end

--- What workers know by a generation is looked at again.
function M.note_change() edge:incr("generation", 1) end

function M.finish_apply(applied)
  edge:set("applied", applied)
  edge:incr("generation", 1)
end

--- `active` or `draining`; a reload keeps it.
function M.node_state() return edge:get("node_state") or "active" end
function M.set_node_state(state) edge:set("node_state", state) end

function M.feed_id() return edge:get("feed_id") end

--- The how-manieth feed this is. Revisions of different feeds say nothing of each other's age.
function M.feed_turn() return edge:get("feed_turn") end

function M.take_feed(feed_id)
  if edge:get("feed_id") == feed_id then return end
  edge:set("feed_id", feed_id)
  edge:incr("feed_turn", 1)
end

function M.documents() return edge:get("documents") end
function M.count_documents(by) edge:incr("documents", by) end
function M.document_bytes() return edge:get("document_bytes") end
function M.count_document_bytes(by) edge:incr("document_bytes", by) end

function M.forget_counts()
  edge:set("documents", 0)
  edge:set("document_bytes", 0)
end

-- The structure is a fact of the configuration that this worker runs, not of the dict: old workers keep theirs.
local structure = 0
function M.structure() return structure end

function M.read_structure(link_target)
  structure = tonumber(match(link_target or "", "(%d+)/?$")) or 0
end

--- Refusals that still stand, as a list.
function M.refused()
  local text = edge:get("refused")
  return text and cjson.decode(text) or {}
end

function M.set_refused(list)
  local kept = {}
  for index = 1, #list do
    if index > REFUSED_MAX then break end
    local refusal = list[index]
    refusal.message = sub(refusal.message, 1, MESSAGE_CHARS_MAX)
    kept[index] = refusal
  end
  if #kept == 0 then
    edge:delete("refused")
    return
  end
  edge:set("refused", cjson.encode(kept))
end

return M
