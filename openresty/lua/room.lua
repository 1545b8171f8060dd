-- Whether the cache's disks have room. nginx breaks an answer off that it cannot write, so what a full disk would have kept is
-- passed through instead. Phases: init_worker; a timer looks now and then, requests read what it found.
local ffi = require "ffi"

local ngx = ngx
local max, min = math.max, math.min
local next, pairs, tonumber = next, pairs, tonumber

-- struct statvfs on 64-bit Linux, glibc and musl alike: the fields that are read, and more than the rest takes.
ffi.cdef [[
  typedef struct { unsigned long bsize, frsize, blocks, bfree, bavail; char rest[256]; } edgewright_statvfs;
  int statvfs(const char *path, edgewright_statvfs *stat);
]]

local LOOK_EVERY_SECONDS = 0.5
-- What may be written between two looks.
local FREE_BYTES_LEAST = 256 * 1024 * 1024
-- Of a small disk less will do.
local FREE_SHARE_LEAST = 0.05

local C = ffi.C
local stat = ffi.new("edgewright_statvfs")
local paths = {}
local lacking = {}
local any = false

local M = {}

local function lacks(path)
  if C.statvfs(path, stat) ~= 0 then return false end
  local block = tonumber(stat.frsize)
  local least = min(FREE_BYTES_LEAST, max(tonumber(stat.blocks) * block * FREE_SHARE_LEAST, 1))
  return tonumber(stat.bavail) * block < least
end

local function look()
  for zone, path in pairs(paths) do
    local is_lacking = lacks(path) or nil
    if is_lacking and not lacking[zone] then ngx.log(ngx.ERR, "the disk of the cache is full, answers pass through: ", path) end
    lacking[zone] = is_lacking
  end
  any = next(lacking) ~= nil
end

--- `zones`: where each of the cache's zones lies; files of an earlier release do not say.
function M.begin(zones)
  paths = zones or {}
  look()
  local ok, err = ngx.timer.every(LOOK_EVERY_SECONDS, look)
  if not ok then ngx.log(ngx.ERR, "full disks will not be noticed: ", err) end
end

--- Whether this answer cannot be kept. The zone is known once `$edge_target` is.
function M.lacks_for(var)
  if not any then return false end
  return lacking[var.edge_cache_zone or "objects"] or false
end

return M
