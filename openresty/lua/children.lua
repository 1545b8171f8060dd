-- The listener for the edges of child groups: gives them what this edge has or fetches, as the origin said it. What a viewer
-- may and gets is the child's to decide. Every answer tells that it is one (X-Edge-Parent); whatever this edge itself cannot
-- do ends the connection, so that the child goes on elsewhere. Phases: access, header_filter and the content of its error
-- page. Reads documents through `documents` and `route`, the dict `shield` through its module.
local cache_status = require "cache_status"
local documents = require "documents"
local outer = require "outer"
local responses = require "ngx.resp"
local route = require "route"
local shield = require "shield"
local stored_answer = require "stored_answer"
local url = require "url"

local ngx = ngx
local exit, header = ngx.exit, ngx.header
local floor = math.floor
local match = string.match

local CLOSE = 444
local IS_CACHED = { HIT = true, STALE = true, UPDATING = true, REVALIDATED = true }

local M = {}

local ID = "(%x+%-%x+%-%x+%-%x+%-%x+)"

-- nginx has checked who signed the certificate, which names its edge and the edge's group.
local function is_child(subject)
  subject = subject or ""
  return shield.is_child(match(subject, "OU=" .. ID), match(subject, "CN=" .. ID))
end

-- `had`: nobody was asked for it.
local function mark(is_had) header["X-Edge-Parent"] = is_had and "had" or "answered" end

function M.access()
  local var = ngx.var
  if not is_child(var.ssl_client_s_dn) then return exit(CLOSE) end
  -- Nobody else would find another end of it.
  if var.edge_looped == "1" then
    mark()
    return exit(508)
  end
  local id = route.id_of(var.host)
  if not id or id ~= var.http_x_edge_distribution then return exit(CLOSE) end
  local document = documents.find(id)
  if not document or document.disabled then return exit(CLOSE) end
  local target, path = url.canonical(var.request_uri)
  if not target then return exit(CLOSE) end
  var.edge_distribution = id
  var.edge_path = path
  var.edge_min_epoch = var.http_x_edge_min_epoch or ""
  return outer.look_up(var, id, document, target, path, var.http_x_forwarded_proto or var.scheme)
end

function M.header_filter()
  local var = ngx.var
  if ngx.is_subrequest then return stored_answer.note_update(var) end
  local status = var.upstream_cache_status
  if not status then return end
  -- The inner hop was asked, and had nobody to ask.
  if not IS_CACHED[status] and not var.upstream_http_x_edge_stored and not header["X-Edge-Failed"] then
    return exit(ngx.ERROR)
  end
  local age, kept, left, stored = stored_answer.tell(var, status)
  -- Purged: see outer.lua. The child asks elsewhere.
  if age == false then return exit(ngx.ERROR) end
  -- The hashes of its tags: children look after them, too.
  header["X-Edge-Tags"] = stored and match(stored, "^%S+ (%S+)")
  if kept then header["X-Edge-Kept"] = floor(kept) end
  header["X-Edge-Failed"] = nil
  mark(status == "HIT" or status == "UPDATING")
  responses.add_header("Cache-Status", cache_status.of("edgewright-parent", var, status, left))
  responses.add_header("Via", "1.1 edgewright")
end

--- The inner hop had no answer that can be handed on: that is an answer about the origin, and the child asks nobody twice.
function M.show_failure()
  ngx.status = 502
  mark()
  header["Cache-Control"] = "no-store"
  return exit(502)
end

return M
