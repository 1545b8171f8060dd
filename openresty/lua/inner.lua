-- The inner hop: asks the origin and decides for how long the outer hop may keep the answer. Only a second hop can:
-- nginx decides what to cache before header filters run. Phases: access, header_filter and, for its error page, content
-- of the inner server. Reads documents through `documents`; writes the dict `renewals` through its module.
local alike = require "alike"
local balancer = require "balancer"
local cache_rules = require "cache_rules"
local collapse = require "collapse"
local documents = require "documents"
local freshness = require "freshness"
local header_rules = require "header_rules"
local hop_headers = require "hop_headers"
local live = require "live"
local origin_request = require "origin_request"
local pages = require "pages"
local parent = require "parent"
local relay = require "relay"
local renewals = require "renewals"
local s3 = require "s3"
local slices = require "slices"
local tags = require "tags"
local variants = require "variants"

local ngx = ngx
local concat = table.concat
local find, lower, match, sub = string.find, string.lower, string.match, string.sub
local http_version = ngx.req.http_version
local max, tonumber, type = math.max, tonumber, type

local M = {}

-- The hop header: the outer hop's cache status, the version of the slices before this one, a mark for each time that this
-- request was sent back to look again, others behind them where it is in another's words (alike.lua) and where the outer hop's
-- disk is full, how long the viewer waits already, and the cache key, which begins with the distribution; blanks between them.
local function read_hop(ctx, hop)
  local status, version, marks, words, full, waited, key = match(hop or "", "^(%u*) (%x*) (%+*)([~=]?)(!?) ([%d.]+) (.+)$")
  if not key then return nil end
  ctx.status, ctx.slices_before, ctx.rounds, ctx.waited, ctx.key = status, version, #marks, tonumber(waited), key
  ctx.words, ctx.has_room = words, full == ""
  return sub(key, 1, 36)
end

-- Credentials that a rule writes are the distribution's own, and those that it takes away no origin sees.
local function write_request(var, headers, path)
  local credentials = var.http_authorization
  header_rules.write_request(headers, path)
  if credentials and var.http_authorization == credentials then var.edge_authorized = "1" end
end

-- The outer hop takes it from its cache, where the answer to somebody else is by now.
local function look_again(ctx, place)
  ctx.key = nil
  ngx.header["X-Accel-Redirect"] = place
  return ngx.exit(ngx.HTTP_NO_CONTENT)
end

-- What every location begins with. Returns the document, nil when there is none, and the path.
local function begin(var, ctx)
  local id = read_hop(ctx, var.http_x_edge_hop)
  local found = id and documents.find(id)
  if not found then return nil end
  hop_headers.strip_request()
  local path = match(var.request_uri, "^[^?]*")
  local rule = cache_rules.find(found.cache, path)
  ctx.path, ctx.is_live = path, found.livestream
  ctx.rule = found.livestream and live.rule(rule, path) or rule
  return found, path
end

--- An edge of the parent group is to be asked.
function M.ask_parent()
  local var, ctx = ngx.var, ngx.ctx
  local found, path = begin(var, ctx)
  if not found then return ngx.exit(503) end
  if not parent.choose(var, found, ctx.key) then return ngx.exec("@verified") end
  ctx.asks_parent = true
  -- What rules write into requests is written where the origin is asked.
  if parent.passes_credentials(var, found, path) then var.edge_authorized = "1" end
end

-- RFC 9111 § 5.2.1.7: whoever comes here is not answered from the cache.
local function wants_cached_only(var)
  local said = var.http_cache_control
  return said ~= nil and find(lower(said), "only-if-cached", 1, true) ~= nil
end

--- `here`: the place that this location is, see balancer.lua.
function M.access(here)
  local var, ctx = ngx.var, ngx.ctx
  local asks_parent = parent.is_due(var)
  local found, path = begin(var, ctx)
  if not found then return ngx.exit(503) end
  local place_by_words = alike.place(var, ctx)
  if place_by_words then return look_again(ctx, place_by_words) end
  if wants_cached_only(var) then return ngx.exit(504) end
  if not slices.is_slice(var.http_range) and collapse.enter(var, ctx.key, ctx.rounds, ctx.waited) then
    return look_again(ctx, "@again")
  end
  if asks_parent then return ngx.exec("@parent") end
  local is_again = balancer.is_again(var)
  local place, refusal = origin_request.place(found.origin, var.request_uri, here)
  if not place then return ngx.exit(refusal) end
  if place ~= here then return ngx.exec("@" .. place) end
  if not is_again then write_request(var, found.headers, path) end
end

-- A 304 renews what was stored as an answer, and a slice is kept as the whole would be.
local function status_to_keep(var)
  local status = ngx.status
  if status == 304 or (status == 206 and (slices.is_slice(var.http_range))) then return 200 end
  return status
end

-- nginx below 1.23 shows the first of several lines in its variables.
local function joined(name)
  local value = ngx.header[name]
  return type(value) == "table" and concat(value, ", ") or value
end

local function read_answer(var)
  return {
    status = status_to_keep(var),
    cache_control = joined("Cache-Control"),
    cdn_cache_control = joined("CDN-Cache-Control"),
    date = var.upstream_http_date,
    age = var.upstream_http_age,
    expires = var.upstream_http_expires,
    last_modified = var.upstream_http_last_modified,
    etag = var.upstream_http_etag,
    vary = joined("Vary"),
    content_type = var.upstream_http_content_type,
    sets_cookie = var.upstream_http_set_cookie ~= nil,
    authorized = var.edge_authorized == "1",
  }
end

local function correct_type(header, path, answer)
  local content_type = live.content_type(path, answer.content_type)
  if content_type == answer.content_type then return end
  answer.content_type = content_type
  header["Content-Type"] = content_type
end

-- An answer that cannot be handed on: the outer hop sees the connection end, and serves a stale copy or a 502.
local function is_unusable(ctx)
  local status = ngx.status
  -- Without a status line: nginx takes it for HTTP/0.9, and would hand it on as that.
  if http_version() < 1 then return true end
  -- nginx serves stale for connection errors alone; RFC 5861 wants it for these too.
  return ctx.status == "EXPIRED" and (status == 500 or (status >= 502 and status <= 504))
end

-- Whether an answer can stand behind the slices before it, and whether it may be kept: only under its own version's turn.
local function judge_slice(var, ctx, answer)
  local is_slice, is_first = slices.is_slice(var.http_range)
  if not is_slice then return true, true end
  -- Who knows no ranges sends the whole: kept once.
  if ngx.status ~= 206 then return true, ngx.status ~= 200 or is_first end
  local validator = answer.etag or answer.last_modified
  if not validator then return true, false end
  local version = slices.version(validator)
  local is_of_turn = slices.note(ctx.key, version)
  return ctx.slices_before == "" or ctx.slices_before == version, is_of_turn
end

-- Tells the outer hop's nginx. A time in the past: kept, but asked about each time.
local function tell(header, now, ttl, while_revalidate, if_error)
  header["X-Accel-Expires"] = ttl > 0 and ttl or "@" .. max(1, now + ttl - 1)
  header["Cache-Control"] = "stale-while-revalidate=" .. while_revalidate .. ", stale-if-error=" .. if_error
end

-- Tags are between the origin and the edge. A parent hands on what it has read of them.
local function take_tags(header, is_parents)
  local hashes = is_parents and (header["X-Edge-Tags"] or tags.NONE) or tags.of(joined("Surrogate-Key"), joined("Cache-Tag"))
  header["Surrogate-Key"] = nil
  header["Cache-Tag"] = nil
  return hashes
end

local function renew(var, ctx, answer, stored)
  renewals.remember(ctx.key, var.http_if_none_match or var.http_if_modified_since, stored, answer.cache_control,
    answer.expires)
end

-- Whether the stored answer is renewed, and whether without a word on freshness: then its own count again, as nginx knows.
local function renews(answer)
  if ngx.status ~= 304 then return false, false end
  return true, not (answer.cache_control or answer.cdn_cache_control or answer.expires)
end

-- Slices are asked for by subrequests, which take nobody's words.
local function note_words(var, ctx, answer, ttl)
  if not answer.vary or answer.status ~= 200 or slices.is_slice(var.http_range) then return end
  alike.note(var, ctx.key, answer.vary, joined("Content-Language"), ttl)
end

-- Of slices, the first counts for all.
local function may_be_variant(ctx, answer)
  if not answer.vary or ctx.status ~= "MISS" or ctx.slices_before ~= "" then return true end
  return variants.may_make(ctx.key)
end

function M.header_filter()
  local var, ctx, header = ngx.var, ngx.ctx, ngx.header
  if not ctx.key then return end
  local kept = ctx.asks_parent and parent.kept()
  -- A parent says of every answer that it is one, and is well whatever the origin says.
  if ctx.asks_parent and not kept then return ngx.exit(ngx.ERROR) end
  local server = balancer.server()
  balancer.answered(kept and 200 or ngx.status)
  if server and server.bucket then s3.strip_response() end
  if is_unusable(ctx) then return ngx.exit(ngx.ERROR) end
  local now = ngx.time()
  local answer = read_answer(var)
  answer.kept = kept or nil
  if ctx.is_live and answer.status == 200 then correct_type(header, ctx.path, answer) end
  local hashes, is_had = take_tags(header, kept), kept and parent.had()
  hop_headers.strip_response(var.upstream_http_connection)
  if is_had then header["X-Edge-Had"] = "1" end
  if not answer.date then header["Date"] = ngx.http_time(now) end
  local fits, may_stay = judge_slice(var, ctx, answer)
  if not fits then return ngx.exit(ngx.ERROR) end
  local storable, ttl, while_revalidate, if_error, initial_age = freshness.decide(answer, now, ctx.rule)
  storable = storable and may_stay and may_be_variant(ctx, answer)
  local is_renewal, is_unspoken = renews(answer)
  -- A renewed answer lies on the disk already.
  local is_kept = storable and ttl > 0 and (is_renewal or ctx.has_room)
  collapse.answered(var, is_unspoken or is_kept, answer.vary, is_renewal)
  if is_kept then note_words(var, ctx, answer, ttl) end
  local stored = now .. "," .. initial_age .. "," .. ttl
  header["Age"] = nil
  header["Expires"] = nil
  if is_renewal then
    renew(var, ctx, answer, stored .. tags.suffix(hashes, ""))
    if is_unspoken then return end
  end
  header["X-Edge-Stored"] = stored .. tags.suffix(hashes, tags.vary(answer.vary))
  header["X-Edge-Cache-Control"] = answer.cache_control
  header["X-Edge-Expires"] = answer.expires
  if not storable then
    header["X-Accel-Expires"] = 0
    header["Cache-Control"] = "no-store"
    return
  end
  tell(header, now, ttl, while_revalidate, if_error)
end

--- The request ends.
function M.finish()
  local var = ngx.var
  balancer.finish()
  if var.edge_flight ~= "" then collapse.finish(var, match(var.http_x_edge_hop, " (%S+)$")) end
end

-- A server did answer, and nginx made nothing of it: perhaps the relay does.
local function may_relay(var)
  local bytes = match(var.upstream_bytes_received or "", "(%d+)%s*$")
  if ngx.status ~= 502 or (var.edge_relay or "") ~= "" or not bytes or bytes == "0" then return false end
  var.edge_relay = "wanted"
  return true
end

--- The page of an error of the hop itself: it is not kept, and where the outer hop may have a stale copy, none is better.
-- Before that, whoever is left is asked.
function M.show_page()
  local var, header = ngx.var, ngx.header
  balancer.failed()
  if parent.was_asked(var) then
    parent.give_up(var)
    ngx.status = 200
    return ngx.exec("@verified")
  end
  if balancer.may_go_on() or may_relay(var) then
    ngx.status = 200
    return ngx.exec("@verified")
  end
  if relay.was_late(var) then ngx.status = 504 end
  if match(var.http_x_edge_hop or "", "^EXPIRED ") and not wants_cached_only(var) then return ngx.exit(444) end
  header["X-Accel-Expires"] = 0
  header["X-Edge-Cache-Control"] = "no-store"
  -- A child is told that it was the origin: this edge had somebody to ask.
  if parent.is_one(var) and balancer.is_again(var) then header["X-Edge-Failed"] = "origin" end
  pages.show(var.http_x_request_id)
end

return M
