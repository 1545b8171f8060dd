-- The words of RFC 9211.
local cache_status = require "cache_status"
local lu = require "luaunit"

local T = {}

local function of(status, var, left)
  var.edge_rounds = var.edge_rounds or ""
  return cache_status.of("edge", var, status, left)
end

function T.test_hits()
  lu.assertEquals(of("HIT", {}, 10), "edge; hit; ttl=10")
  lu.assertEquals(of("HIT", {}), "edge; hit")
  lu.assertEquals(of("HIT", { edge_rounds = "+" }, 10), "edge; fwd=miss; collapsed; ttl=10")
  lu.assertEquals(of("UPDATING", {}, -5), "edge; hit; ttl=-5; detail=stale-while-revalidate")
end

function T.test_what_went_forward()
  local kept, passed = { upstream_http_x_accel_expires = "60" }, { upstream_http_x_accel_expires = "0" }
  lu.assertEquals(of("MISS", kept, 60), "edge; fwd=miss; stored; ttl=60")
  lu.assertEquals(of("MISS", passed, 60), "edge; fwd=miss")
  lu.assertEquals(of("EXPIRED", kept, 60), "edge; fwd=stale; stored; ttl=60")
  lu.assertEquals(of("REVALIDATED", {}, 60), "edge; fwd=stale; fwd-status=304; ttl=60")
  lu.assertEquals(of("STALE", { upstream_status = "502" }, -5), "edge; fwd=stale; ttl=-5; detail=origin-failed")
  lu.assertEquals(of("BYPASS", {}), "edge; fwd=bypass")
end

return T
