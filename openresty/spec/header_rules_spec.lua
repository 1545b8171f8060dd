-- header_rules.lua: which rules are none. What they write is seen in header-rules.test.ts.
local header_rules = require "header_rules"
local lu = require "luaunit"

local T = {}

local function fault(rule) return header_rules.fault { response = { rule } } end

function T.test_good_rules_are_ready_for_look_ups()
  local headers = { request = { { action = "remove", name = "x-a", paths = "/a/*" } },
    response = { { action = "set", name = "x-b", value = "b: c" } } }
  lu.assertNil(header_rules.fault(headers))
  header_rules.prepare(headers)
  lu.assertEquals(headers.request[1].paths[1].first, "/a/")
  lu.assertNil(headers.response[1].paths)
  lu.assertNil(header_rules.fault {})
end

function T.test_what_is_no_rule_is_named()
  lu.assertEquals(fault(1), "headers.response.0: action")
  lu.assertEquals(fault { action = "append", name = "x-a", value = "b" }, "headers.response.0: action")
  for _, name in ipairs { "", "x a", "x:", "x\r\ny", "x-edge-hop", "x-accel-expires" } do
    lu.assertEquals(fault { action = "set", name = name, value = "b" }, "headers.response.0: name", name)
  end
  for _, value in ipairs { "a\r\nx: y", "a\nb", "a\0", 1 } do
    lu.assertEquals(fault { action = "add", name = "x-a", value = value }, "headers.response.0: value")
  end
  lu.assertEquals(fault { action = "set", name = "x-a" }, "headers.response.0: value")
  lu.assertEquals(fault { action = "remove", name = "x-a", paths = {} }, "headers.response.0: paths")
  lu.assertEquals(header_rules.fault(1), "headers: no object")
  lu.assertEquals(header_rules.fault { request = 1 }, "headers.request")
end

return T
