-- origins.lua: what is no origin is refused with the field's name, and what a kept connection is known by.
local cjson = require "cjson.safe"
local lu = require "luaunit"
local origins = require "origins"

local function server(fields)
  local made = { id = "a", scheme = "https", host = "a.test", port = 443, host_header = "a.test", sni = "a.test", weight = 1,
    primary = true, verify = true, connect_timeout = 5, read_timeout = 30 }
  for name, value in pairs(fields or {}) do made[name] = value end
  return made
end

local function origin(fields) return { balancer = "failover", servers = { server(fields) } } end

local function check(fields)
  local made = { path = "/up", interval = 10, timeout = 2, statuses = { { from = 200, to = 299 } }, healthy_after = 2,
    unhealthy_after = 3 }
  for name, value in pairs(fields or {}) do made[name] = value end
  return made
end

local function bucket(fields)
  local made = { name = "files", region = "eu-1", style = "path", access_key_id = "K", secret = "id" }
  for name, value in pairs(fields or {}) do made[name] = value end
  return made
end

local T = {}

function T.test_a_whole_origin_has_no_fault()
  lu.assertNil(origins.fault(origin()))
  lu.assertNil(origins.fault(origin { check = check(), bucket = bucket() }))
end

function T.test_a_fault_names_its_field()
  local faults = {
    ["scheme"] = { scheme = "ftp" }, ["port"] = { port = 0 }, ["host_header"] = { host_header = "a\r\nX: y" },
    ["sni"] = { sni = "a b" }, ["weight"] = { weight = 0.5 }, ["verify"] = { verify = cjson.null },
    ["connect_timeout"] = { connect_timeout = 0 }, ["read_timeout"] = { read_timeout = "1" },
    ["check.path"] = { check = check { path = "/a b" } }, ["check.statuses"] = { check = check { statuses = {} } },
    ["check.interval"] = { check = check { interval = 0 } }, ["bucket.style"] = { bucket = bucket { style = "x" } },
    ["bucket.secret"] = { bucket = bucket { secret = "" } }, ["bucket"] = { bucket = 1 },
  }
  for field, fields in pairs(faults) do
    lu.assertEquals(origins.fault(origin(fields)), "origin.servers.0: " .. field)
  end
  lu.assertStrContains(origins.fault { balancer = "dice", servers = { server() } }, "balancer")
  lu.assertStrContains(origins.fault { balancer = "failover", servers = {} }, "no server")
end

local function connection(fields) return origins.prepare(origin(fields)).servers[1].connection end

function T.test_connections_of_other_names_or_another_trust_are_not_shared()
  lu.assertEquals(connection { id = "b", host_header = "b.test" }, connection())
  for _, fields in ipairs { { verify = false }, { sni = "b.test" }, { host = "b.test" }, { scheme = "http" } } do
    lu.assertNotEquals(connection(fields), connection())
  end
end

return T
