-- cors.lua: which parts are none. What it tells is seen in cors.test.ts.
local cors = require "cors"
local lu = require "luaunit"

local T = {}

function T.test_a_good_part_is_ready_for_look_ups()
  local part = { origins = "https://a.test http://b.test:1", methods = "GET PUT", max_age = 5, credentials = true }
  lu.assertNil(cors.fault(part))
  cors.prepare(part)
  lu.assertEquals(part.origins, { ["https://a.test"] = true, ["http://b.test:1"] = true })
  lu.assertEquals(part.methods, "GET, PUT")
  lu.assertNil(part.headers)
  lu.assertFalse(part.is_for_all)
  local open = { origins = "*", max_age = 0 }
  cors.prepare(open)
  lu.assertTrue(open.is_for_all)
end

function T.test_what_is_none_is_named()
  for fault, part in pairs {
    ["cors: no origins"] = { max_age = 1 }, ["cors.methods"] = { origins = "*", methods = "", max_age = 1 },
    ["cors.headers"] = { origins = "*", headers = "a\r\nb", max_age = 1 }, ["cors.max_age"] = { origins = "*" },
    ["cors.credentials"] = { origins = "*", max_age = 1, credentials = true },
  } do
    lu.assertEquals(cors.fault(part), fault)
  end
end

return T
