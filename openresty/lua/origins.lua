-- The `origin` part of a document: checked when it is decoded, and each server told how it is asked. Its writer is
-- edge-templates/features/origin. Any phase; no dict.
local find, md5 = string.find, ngx.md5
local ipairs, type = ipairs, type

local M = {}

local function is_text(value) return type(value) == "string" and value ~= "" end
local function is_flag(value) return type(value) == "boolean" end
local function is_count(value) return type(value) == "number" and value >= 1 and value % 1 == 0 end
-- What goes into a header line or a request line.
local function is_word(value) return is_text(value) and not find(value, "[%c%s]") end

local COUNTS = { "interval", "timeout", "healthy_after", "unhealthy_after" }

local function check_fault(check)
  if type(check) ~= "table" then return "check" end
  if not is_word(check.path) or not find(check.path, "^/") then return "check.path" end
  for _, name in ipairs(COUNTS) do
    if not is_count(check[name]) then return "check." .. name end
  end
  if type(check.statuses) ~= "table" or #check.statuses == 0 then return "check.statuses" end
  for _, range in ipairs(check.statuses) do
    if type(range) ~= "table" or not is_count(range.from) or not is_count(range.to) then return "check.statuses" end
  end
end

local BUCKET_WORDS = { "name", "region", "access_key_id", "secret" }

local function bucket_fault(bucket)
  if type(bucket) ~= "table" then return "bucket" end
  for _, name in ipairs(BUCKET_WORDS) do
    if not is_word(bucket[name]) then return "bucket." .. name end
  end
  if bucket.style ~= "path" and bucket.style ~= "virtual" then return "bucket.style" end
end

local function server_fault(server)
  if type(server) ~= "table" then return "is no object" end
  if not is_text(server.id) then return "id" end
  if server.scheme ~= "http" and server.scheme ~= "https" then return "scheme" end
  if not is_text(server.host) then return "host" end
  if type(server.port) ~= "number" or server.port < 1 or server.port > 65535 then return "port" end
  if not is_word(server.host_header) then return "host_header" end
  if not is_word(server.sni) then return "sni" end
  if not is_count(server.weight) then return "weight" end
  if not is_flag(server.primary) then return "primary" end
  if not is_flag(server.verify) then return "verify" end
  if not is_count(server.connect_timeout) then return "connect_timeout" end
  if not is_count(server.read_timeout) then return "read_timeout" end
  return server.check ~= nil and check_fault(server.check) or server.bucket ~= nil and bucket_fault(server.bucket) or nil
end

local BALANCERS = { failover = true, round_robin = true, weighted = true, consistent_hash = true }

--- What is wrong with it; nil when nothing is.
function M.fault(origin)
  if type(origin) ~= "table" or not BALANCERS[origin.balancer] then return "origin: no balancer that this edge knows" end
  if type(origin.servers) ~= "table" or #origin.servers == 0 then return "origin: no server" end
  for index, server in ipairs(origin.servers) do
    local fault = server_fault(server)
    if fault then return "origin.servers." .. index - 1 .. ": " .. fault end
  end
end

local function tls_of(server)
  if server.scheme == "http" then return "none" end
  return server.verify and "verified" or "unverified"
end

--- Makes it ready for use, in place.
function M.prepare(origin)
  origin.has_checks, origin.has_buckets, origin.has_others = false, false, false
  for index, server in ipairs(origin.servers) do
    server.index = index
    server.tls = tls_of(server)
    -- What a kept connection is known by, beside its address and port: whoever asks under another name, or wants a
    -- certificate that nobody looked at before, gets a connection of its own. As a digest, because lua-nginx-module 0.10.28
    -- finds none again whose name is longer than 32 bytes.
    server.connection = md5(server.tls .. " " .. server.host .. " " .. server.sni)
    if server.bucket then
      server.prefix = server.bucket.style == "path" and "/" .. server.bucket.name or ""
      origin.has_buckets = true
    else
      origin.has_others = true
    end
    if server.check then origin.has_checks = true end
  end
  return origin
end

return M
