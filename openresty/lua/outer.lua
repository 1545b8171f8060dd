-- The outer hop: whose request this is, what it is cached as, and what the viewer is told. Phases: access and
-- header_filter of the outer server. Reads documents through `documents` and `route`. What one phase leaves for the other
-- stands in nginx variables: a hit makes no table.
local access_rules = require "access_rules"
local answers = require "answers"
local cache_key = require "cache_key"
local cache_rules = require "cache_rules"
local cache_status = require "cache_status"
local challenges = require "challenges"
local connection = require "connection"
local cors = require "cors"
local documents = require "documents"
local encodings = require "encodings"
local health = require "health"
local languages = require "languages"
local node = require "node"
local origin_share = require "origin_share"
local probe = require "probe"
local query = require "query"
local rate_limits = require "rate_limits"
local redirects = require "redirects"
local responses = require "ngx.resp"
local room = require "room"
local route = require "route"
local slices = require "slices"
local stored_answer = require "stored_answer"
local url = require "url"

local ngx = ngx
local exec, exit, header, now, redirect = ngx.exec, ngx.exit, ngx.header, ngx.now, ngx.redirect
local set_request_header = ngx.req.set_header
local match, sub = string.match, string.sub

local M = {}

local function is_read(var)
  local method = var.request_method
  return method == "GET" or method == "HEAD"
end

-- Bodies and other methods are never cached, and a WebSocket is no answer.
local function must_pass(var)
  if not is_read(var) then return true end
  if var.edge_is_unusual == "" then return false end
  local length = var.http_content_length
  if length and length ~= "0" then return true end
  return var.http_transfer_encoding ~= nil or var.http_upgrade ~= nil
end

-- To this edge's own port, as the group's settings say. RFC 9110 § 15.4.2: after a 301 a POST may come back as a GET.
local function redirect_to_https(var, target)
  local port = var.edge_https_port
  local location = "https://" .. var.host .. (port == "443" and "" or ":" .. port) .. target
  return redirect(location, is_read(var) and 301 or 308)
end

-- Not by ngx.exit: nginx's own 400 goes another way, which forgets the variables, and this one belongs in the log.
local function refuse_target()
  ngx.status = 400
  return exec("@page")
end

-- What many browsers say in many ways, in one: an answer may vary by it.
local function spell_wishes(var)
  local encodings_wanted, languages_wanted = var.http_accept_encoding, var.http_accept_language
  if encodings_wanted then
    local spelt = encodings.canonical(encodings_wanted)
    if spelt ~= encodings_wanted then set_request_header("Accept-Encoding", spelt ~= "" and spelt or nil) end
  end
  if languages_wanted then
    local spelt = languages.canonical(languages_wanted)
    if spelt ~= languages_wanted then set_request_header("Accept-Language", spelt) end
  end
end

--- What the cache is asked for, and the origin on a miss. `scheme`: the viewer's, where another edge asks.
function M.look_up(var, id, document, target, path, scheme)
  local rule = cache_rules.find(document.cache, path)
  if must_pass(var) or (rule and rule.mode == "bypass" and not rule.content_types) then
    var.edge_target = target
    return exec("@pass")
  end
  -- A parameter that tells no answers apart stays here: what an origin reads and the key does not hold is how caches are
  -- poisoned.
  target = path .. query.kept(rule and rule.query, sub(target, #path + 1))
  var.edge_target = target
  spell_wishes(var)
  -- Slices are of the bytes as they are.
  if rule and rule.sliced then set_request_header("Accept-Encoding", nil) end
  var.edge_key = cache_key.of(var, id, target, path, rule, scheme)
  -- RFC 9110 § 13.1.3: beside If-None-Match, nginx would look at both.
  if var.http_if_none_match and var.http_if_modified_since then ngx.req.clear_header("If-Modified-Since") end
  if room.lacks_for(var) then var.edge_no_room = "!" end
  if rule and rule.sliced then
    var.edge_slice_turn = slices.turn(var.edge_key)
    return exec("@sliced")
  end
end

-- Whether the distribution speaks this protocol, and may be asked for over this connection. Its own refusal is 421: the same
-- name may be served another way.
local function is_spoken(var, id, document)
  if not document.http3 then
    if var.server_protocol == "HTTP/3.0" then return false end
    var.edge_alt_svc = ""
  end
  if var.scheme ~= "https" then return true end
  return document.https and connection.may_ask(var, id)
end

-- The agent fetches what is to be kept: that is nobody's visit. It says whose that is, since a name may have gone to another
-- distribution, whose rules stand.
local function prefetched_for(var)
  local secret, id = match(var.http_x_edge_prefetch or "", "^(%S+) (%S+)$")
  return secret and probe.is_asked(secret) and id or nil
end

-- nil for who asks too often: it is answered.
local function has_waited(var, id, limits, path)
  local seconds = rate_limits.wait(limits, id, var.binary_remote_addr, path, now())
  if not seconds then return true end
  header["Retry-After"] = seconds
  exit(429)
end

-- Where a request leads that is answered with another place, and by which status; nil: it stays.
local function elsewhere(document, path, query_text)
  if not document.redirects then return nil end
  local found, splat = redirects.find(document.redirects, path)
  if found then return redirects.location(found, splat, query_text), found.status end
end

-- A request whose distribution and canonical target are known, in the order that viewers and customers expect.
local function serve(var, id, document, target, path)
  local wanted = var.edge_is_unusual ~= "" and prefetched_for(var)
  if wanted and wanted ~= id or not is_spoken(var, id, document) then return exit(421) end
  if document.redirect_to_https and var.scheme == "http" then return redirect_to_https(var, target) end
  if document.access and not wanted then
    local is_let_in, meant, meant_path = access_rules.admit(document.access, var, target, path)
    if not is_let_in then return exit(403) end
    if meant_path ~= path then var.edge_path = meant_path end
    target, path = meant, meant_path
  end
  if document.limits and not wanted and not has_waited(var, id, document.limits, path) then return end
  local location, status = elsewhere(document, path, sub(target, #path + 1))
  if location then return redirect(location, status) end
  if document.cors and cors.is_preflight(var) then return cors.answer_preflight(var, document.cors) end
  return M.look_up(var, id, document, target, path)
end

--- Any request, whether or not its connection ends with it.
function M.admit()
  local var = ngx.var
  local host = var.host
  if not route.is_same_host(var.http_host, host) then return refuse_target() end
  local id = route.id_of(host)
  if var.edge_is_unusual ~= "" and var.http_x_edge_probe and probe.is_asked(var.http_x_edge_probe) then
    return probe.answer(id)
  end
  local uri = var.uri
  if health.is_asked(var, uri) then return health.answer() end
  local challenge = challenges.find(uri)
  if challenge and is_read(var) then return challenges.answer(var, challenge, id) end
  if not id then return exit(421) end
  local document = documents.find(id)
  if not document then return exit(503) end
  var.edge_distribution = id
  var.edge_account = document.account
  local target, path = url.canonical(var.request_uri)
  var.edge_path = path or uri
  if document.disabled then
    -- What an account gets for being over its quota is not what it is billed for: no line, as of nobody's traffic.
    if document.over_quota then var.edge_account = "" end
    return exit(503)
  end
  if not target then return refuse_target() end
  return serve(var, id, document, target, path)
end

function M.access()
  if node.ends_connection(ngx.var) then return exec("@leaving") end
  return M.admit()
end

function M.header_filter()
  local var = ngx.var
  if ngx.is_subrequest then
    origin_share.note_fetched(var)
    return stored_answer.note_update(var)
  end
  local status = var.upstream_cache_status
  if status ~= "HIT" then origin_share.note_wait(var) end
  if not status then
    header["X-Request-Id"] = var.request_id
    connection.tell(var, documents.find(var.edge_distribution))
    return
  end
  local age, _, left = stored_answer.tell(var, status)
  if status ~= "HIT" then origin_share.note_parent(var, status) end
  -- The index of tags was behind the cache for once; now it is not.
  if age == false then return exit(503) end
  responses.add_header("Cache-Status", cache_status.of("edgewright", var, status, left))
  answers.finish(var, status)
end

--- The same after the answer to somebody else: a hit, too, was waited for.
function M.header_filter_late()
  if not ngx.is_subrequest then origin_share.note_wait(ngx.var) end
  return M.header_filter()
end

return M
