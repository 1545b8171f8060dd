-- Buckets as origins: what is asked of them, and what of their answers a viewer sees. A bucket is only read, object by
-- object: no query goes on (it could list, sign or rewrite), no word of a viewer to S3. Phases: access, balancer,
-- header_filter and body_filter of the hops that talk to origins. Reads the dict `secrets` through its module.
local pages = require "pages"
local secrets = require "secrets"
local sigv4 = require "sigv4"

local ngx = ngx
local byte, find, format, gsub, lower, match, sub = string.byte, string.find, string.format, string.gsub, string.lower,
  string.match, string.sub
local date, pairs, time = os.date, pairs, ngx.time

local M = {}

local LINES_MAX = 1000
-- SHA-256 of nothing: only requests without a body are signed.
M.EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
local SIGNED = "host;x-amz-content-sha256;x-amz-date"

local function escape(char) return format("%%%02X", byte(char)) end

--- What is asked of a bucket for a canonical target: its path, each byte escaped as S3 itself would, and no query.
function M.target(prefix, target)
  local path = match(target, "^[^?]*")
  if find(path, "[^%w%-._~/%%]") then path = gsub(path, "[^%w%-._~/%%]", escape) end
  return prefix .. path
end

local function has_body(var)
  local length = var.http_content_length
  return (length and length ~= "0") or var.http_transfer_encoding ~= nil
end

--- The status that a request gets which no bucket is asked for; nil when it may be asked.
function M.refusal(var, target)
  local method = var.request_method
  if method ~= "GET" and method ~= "HEAD" then return 405 end
  if has_body(var) or var.http_upgrade then return 400 end
  -- The bucket itself: its answer would be the list of what is in it.
  if find(target, "^/%f[%z?]") then return 404 end
end

--- Signs the request to this server for `target`, for now.
function M.sign(var, server, target)
  local bucket = server.bucket
  local secret = secrets.find(bucket.secret)
  if not secret then return end
  local now = date("!%Y%m%dT%H%M%SZ", time())
  var.edge_origin_amz_date = now
  var.edge_origin_signature = sigv4.authorization(
    { access_key_id = bucket.access_key_id, region = bucket.region, secret = secret }, now, var.request_method, target,
    "host:" .. lower(server.host_header) .. "\nx-amz-content-sha256:" .. M.EMPTY_HASH .. "\nx-amz-date:" .. now .. "\n",
    SIGNED, M.EMPTY_HASH)
end

--- The next server is no bucket.
function M.unsign(var)
  if (var.edge_origin_signature or "") == "" then return end
  var.edge_origin_signature, var.edge_origin_amz_date = "", ""
end

--- Takes out of the viewer's request what would speak to S3, or for the viewer.
function M.strip_request()
  local request = ngx.req
  for name in pairs(request.get_headers(LINES_MAX, true)) do
    if sub(lower(name), 1, 6) == "x-amz-" then request.clear_header(name) end
  end
  request.clear_header("Authorization")
  request.clear_header("Cookie")
end

-- What the customer put on the object itself.
local function is_of_the_object(name) return sub(name, 1, 11) == "x-amz-meta-" end

--- Takes the storage's own words out of an answer: its ids of requests, where and how it keeps the object. An error is told by the edge's own page: S3's names the bucket, its key
-- and what was signed. A redirect leads past the edge and is an error too.
function M.strip_response()
  local header, status = ngx.header, ngx.status
  for name in pairs(ngx.resp.get_headers(LINES_MAX, true)) do
    local known = lower(name)
    if sub(known, 1, 2) == "x-" and not is_of_the_object(known) then header[name] = nil end
  end
  header["Server"] = "edgewright"
  if status < 300 or status == 304 then return end
  if status < 400 then ngx.status = 502 end
  header["Location"] = nil
  header["ETag"] = nil
  header["Last-Modified"] = nil
  header["Content-Length"] = nil
  header["Content-Encoding"] = nil
  header["Content-Type"] = pages.TYPE
  ngx.ctx.page = pages.text(ngx.status)
end

--- Puts the page in the place of the body.
function M.replace_body()
  local ctx = ngx.ctx
  local page = ctx.page
  if not page then return end
  local arg = ngx.arg
  if arg[2] then
    arg[1] = page
    ctx.page = ""
  else
    arg[1] = nil
  end
end

return M
