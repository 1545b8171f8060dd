-- What is known of a live stream beside its rules: manifests are young or useless, segments that are not there yet soon
-- will be, and both have types that players insist on. Phases: access and header_filter of the inner hop; no dict.
local find, lower, match = string.find, string.lower, string.match
local min = math.min
local pairs = pairs

-- A manifest changes with each segment, which lasts some seconds.
local MANIFEST = { ttl = 1, ttl_max = 2, stale_while_revalidate = 1, stale_if_error = 4 }
-- Players ask for a segment as soon as it should be there: all of them, until it is.
local ABSENT_SECONDS = 1

local MANIFESTS = { f4m = true, ism = true, m3u = true, m3u8 = true, mpd = true }
local TYPES = {
  aac = "audio/aac", cmfa = "audio/mp4", cmfv = "video/mp4", f4m = "application/f4m+xml",
  m3u = "application/vnd.apple.mpegurl", m3u8 = "application/vnd.apple.mpegurl", m4a = "audio/mp4",
  m4s = "video/iso.segment", m4v = "video/mp4", mp4 = "video/mp4", mpd = "application/dash+xml", ts = "video/mp2t",
  vtt = "text/vtt",
}
-- What servers say that do not know.
local UNTOLD = { ["application/octet-stream"] = true, ["binary/octet-stream"] = true, ["text/plain"] = true }

local M = {}

local function extension_of(path)
  local extension = match(path, "%.(%w+)$")
  return extension and lower(extension)
end

local function copy(rule)
  local made = {}
  for name, value in pairs(rule) do made[name] = value end
  return made
end

local function manifest_rule(rule)
  local made = copy(rule)
  made.ttl = min(rule.ttl or MANIFEST.ttl, MANIFEST.ttl_max)
  made.ttl_max = min(rule.ttl_max or MANIFEST.ttl_max, MANIFEST.ttl_max)
  made.stale_while_revalidate = min(rule.stale_while_revalidate or 0, MANIFEST.stale_while_revalidate)
  made.stale_if_error = min(rule.stale_if_error or MANIFEST.stale_if_error, MANIFEST.stale_if_error)
  return made
end

local function other_rule(rule)
  local made = copy(rule)
  made.ttl_by_status = copy(rule.ttl_by_status or {})
  made.ttl_by_status[404] = made.ttl_by_status[404] or made.ttl_by_status[4] or ABSENT_SECONDS
  return made
end

local NO_RULE = {}

--- The rule of a path, as it counts for a live stream. One that overrides is meant as it is written.
function M.rule(rule, path)
  rule = rule or NO_RULE
  if rule.mode == "override" then return rule end
  if MANIFESTS[extension_of(path)] then
    rule.live_manifest = rule.live_manifest or manifest_rule(rule)
    return rule.live_manifest
  end
  rule.live_other = rule.live_other or other_rule(rule)
  return rule.live_other
end

--- The type of what was found at a path, where the origin's is no help; else the origin's.
function M.content_type(path, told)
  local extension = extension_of(path)
  local known = extension and TYPES[extension]
  if not known then return told end
  if not told or told == "" then return known end
  local bare = lower(match(told, "^[^;%s]*"))
  -- Servers take .ts for a language of programmers or translators.
  if UNTOLD[bare] or (extension == "ts" and not find(bare, "^video/")) then return known end
  return told
end

return M
