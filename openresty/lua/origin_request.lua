-- Where a request to an origin goes, and what it leaves behind: what both hops do before they ask. Phase: access.
local balancer = require "balancer"
local s3 = require "s3"

local ngx = ngx

local M = {}

local function is_no_bucket(server) return not server.bucket end

--- Chooses whom to ask for `target`. Returns the place that must ask (see balancer.lua), or nil and the status that the
-- viewer gets instead.
function M.place(origin, target, here)
  local var, fits = ngx.var, nil
  if origin.has_buckets then
    local refusal = s3.refusal(var, target)
    if not origin.has_others then
      if refusal then return nil, refusal end
      s3.strip_request()
    end
    fits = refusal and is_no_bucket
  end
  local place = balancer.choose(origin, var.host .. target, target, here, fits)
  if not place then return nil, 502 end
  return place
end

return M
