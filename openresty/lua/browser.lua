-- For how long browsers may keep an answer, where a cache rule says so. Phase: header_filter of the hops that viewers
-- see; no dict.
local cache_rules = require "cache_rules"

local ngx = ngx
local header, http_time, time = ngx.header, ngx.http_time, ngx.time
local concat = table.concat
local find, lower = string.find, string.lower
local type = type

-- What a rule's times hold for: what was found, whole, in part or confirmed.
local FOUND = { [200] = true, [203] = true, [206] = true, [300] = true, [301] = true, [304] = true, [308] = true }

local M = {}

-- One viewer's own, by the origin's word.
local function is_private(said)
  if header["Set-Cookie"] then return true end
  if not said then return false end
  if type(said) == "table" then said = concat(said, ",") end
  said = lower(said)
  return find(said, "private", 1, true) ~= nil or find(said, "no-store", 1, true) ~= nil
end

--- Writes Cache-Control where the rule for this path has a time for browsers.
function M.tell(var, document)
  if not document.cache.tells_browsers or not FOUND[ngx.status] then return end
  local method = var.request_method
  if method ~= "GET" and method ~= "HEAD" then return end
  local rule = cache_rules.find(document.cache, var.edge_path)
  if not rule or not rule.browser_ttl or not cache_rules.holds(rule, var.upstream_http_content_type) then return end
  if is_private(header["Cache-Control"]) and not rule.override_private then return end
  header["Cache-Control"] = "max-age=" .. rule.browser_ttl
  header["Expires"] = nil
  -- The time is the edge's word and runs from now: an old Date or an Age would use it up on the way.
  header["Date"] = http_time(time())
  header["Age"] = nil
end

return M
