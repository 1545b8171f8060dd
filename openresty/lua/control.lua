-- The agent's door: documents, addresses, secrets and what this nginx holds. Phase: content of the control server; one
-- request at a time writes. Writes the dicts of `documents`, `facts`, `addresses` and `secrets` through their modules.
local addresses = require "addresses"
local cjson = require "cjson.safe"
local clock = require "clock"
local documents = require "documents"
local facts = require "facts"
local frames = require "frames"
local health = require "origin_health"
local marks = require "marks"
local node = require "node"
local records = require "records"
local secrets = require "secrets"

local ngx = ngx
local concat = table.concat
local find, format, sub = string.find, string.format, string.sub
local ipairs, next, tonumber = ipairs, next, tonumber

-- A worker that applies a snapshot answers viewers in between.
local RECORDS_PER_TURN = 100

local M = {}

local function reply_text(status, text)
  ngx.status = status
  ngx.header["Content-Type"] = "application/json"
  ngx.say(text)
end

local function reply(status, body) reply_text(status, cjson.encode(body)) end

-- An empty Lua table would be written as an object.
local function list_text(list) return next(list) and cjson.encode(list) or "[]" end

-- The message of a refusal, and whether another record may yet make room for this one. `take`: into or off its store.
local function apply_record(take, record, reason)
  local fault = reason or records.fault(record)
  if fault then return fault end
  return take(record)
end

local function refusal(record, message)
  return { kind = record.kind, id = record.id, rev = record.rev, stage = "push", message = message }
end

-- In the order of the records; those whose host was another's once more at the end: it may have been let go of.
local function apply_records(take, text)
  local refused, held, seen = {}, {}, {}
  local count = 0
  for record, reason in frames.each(frames.source_of_text(text)) do
    if not record.id then return nil, "a header line is damaged" end
    seen[record.id] = true
    local message, is_held = apply_record(take, record, reason)
    if is_held then
      held[#held + 1] = record
    elseif message then
      refused[#refused + 1] = refusal(record, message)
    end
    count = count + 1
    if count % RECORDS_PER_TURN == 0 then ngx.sleep(0) end
  end
  for _, record in ipairs(held) do
    local message = apply_record(take, record)
    if message then refused[#refused + 1] = refusal(record, message) end
  end
  return refused, seen
end

-- What stands: what this push refused, and what earlier ones did to records that this one did not touch.
local function standing(refused, seen)
  local list = {}
  for _, old in ipairs(facts.refused()) do
    if not seen[old.id] then list[#list + 1] = old end
  end
  for _, new in ipairs(refused) do list[#list + 1] = new end
  return list
end

local function read_body()
  ngx.req.read_body()
  -- nginx's buffer for this socket holds the largest body that it takes.
  return ngx.req.get_body_data() or ""
end

local function apply()
  local applied = tonumber(ngx.var.http_x_edge_applied)
  if not applied then return reply(400, { error = "X-Edge-Applied: a revision is wanted" }) end
  local feed_id = ngx.var.http_x_edge_feed
  if feed_id then facts.take_feed(feed_id) end
  local take = ngx.var.http_x_edge_take_back and records.take_back or records.take
  local refused, seen = apply_records(take, read_body())
  documents.let_go()
  if not refused then
    -- What came before the damage is in the store: workers must look again. The agent sends the whole again.
    facts.finish_apply(facts.applied())
    return reply(400, { error = seen })
  end
  facts.set_refused(standing(refused, seen))
  documents.forget_old()
  facts.finish_apply(applied)
  reply_text(200, format('{"applied":%d,"refused":%s}', applied, list_text(refused)))
end

-- Without this one; nil where nginx was built without counting.
local function requests()
  local writing = tonumber(ngx.var.connections_writing)
  return writing and writing - 1
end

local function state()
  local known = cjson.encode({
    boot_id = facts.boot_id(), feed_id = facts.feed_id() or cjson.null, applied = facts.applied(),
    structure = facts.structure(), documents = facts.documents(), document_bytes = facts.document_bytes(),
    document_bytes_max = documents.bytes_max(), probe_secret = facts.probe_secret(), clock = clock.now(),
    purges = marks.purges(), mark_bytes = marks.bytes(), mark_bytes_max = marks.bytes_max(),
    requests = requests(), connections = tonumber(ngx.var.connections_active),
  })
  reply_text(200, format('%s,"refused":%s}', sub(known, 1, -2), list_text(facts.refused())))
end

local function put_addresses()
  local ok, err = addresses.merge(cjson.decode(read_body()))
  if not ok then return reply(find(err or "", "no memory", 1, true) and 507 or 400, { error = err }) end
  reply(200, {})
end

local function put_node()
  local ok, err = node.take(read_body())
  if not ok then return reply(400, { error = err }) end
  reply(200, {})
end

local function show_document()
  local id = ngx.var.arg_id or ""
  local text, rev = documents.find_text(id)
  if not text then return reply(404, { error = "this edge has no such document" }) end
  local hosts = cjson.encode(cjson.decode(text).hosts)
  reply_text(200, format('{"id":"%s","rev":%d,"hosts":%s,"document":%s}', id, rev, hosts, text))
end

-- What is wrong is said without a word of what was sent.
local function put_secrets()
  local ok, err = secrets.merge(cjson.decode(read_body()))
  if not ok then return reply(find(err or "", "no memory", 1, true) and 507 or 400, { error = err }) end
  -- Certificates may have waited for them.
  facts.note_change()
  reply(200, {})
end

local function is_out(id, address) return health.is_out(id, address) and true or false end

-- Since when what is stored of a distribution counts, and how many marks say so.
local function show_marks()
  local shown = marks.show(ngx.var.arg_id or "")
  if not shown then return reply(404, { error = "nothing of this distribution was purged" }) end
  reply(200, shown)
end

-- How the servers of a distribution are; addresses that are out are asked when all others fail.
local function show_origins()
  local found = documents.find(ngx.var.arg_id or "")
  if not found then return reply(404, { error = "this edge has no such document" }) end
  local servers = {}
  for index, server in ipairs(found.origin.servers) do
    local list = {}
    for place, address in ipairs(addresses.of_origin(server.host, server.port) or {}) do
      list[place] = cjson.encode { address = address, out = is_out(server.id, address) }
    end
    servers[index] = format('{"id":"%s","ill":%s,"addresses":[%s]}', server.id, health.is_ill(server.id), concat(list, ","))
  end
  reply_text(200, "[" .. concat(servers, ",") .. "]")
end

local ROUTES = {
  ["POST /apply"] = apply,
  ["GET /state"] = state,
  ["PUT /addresses"] = put_addresses,
  ["PUT /secrets"] = put_secrets,
  ["PUT /node"] = put_node,
  ["GET /document"] = show_document,
  ["GET /marks"] = show_marks,
  ["GET /origins"] = show_origins,
}

function M.handle()
  local handle = ROUTES[ngx.req.get_method() .. " " .. ngx.var.uri]
  if not handle then return reply(404, { error = "no such call" }) end
  handle()
end

return M
