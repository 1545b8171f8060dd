-- What every worker begins with. Phase: init_worker.
local facts = require "facts"
local health_checks = require "health_checks"
local node = require "node"
local room = require "room"

local ngx = ngx

local M = {}

--- `zones`: where each of the cache's zones lies.
function M.begin(zones)
  -- Otherwise all workers of all edges draw the same numbers.
  math.randomseed(ngx.worker.pid() + ngx.now() * 1000)
  node.begin()
  room.begin(zones)
  -- Origins must not hear of an nginx that is only tried out.
  if not facts.is_taste() then health_checks.begin() end
end

return M
