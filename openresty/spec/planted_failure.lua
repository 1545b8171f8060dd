-- Not a spec: spec.test.ts proves with it that a failure is seen.
local lu = require "luaunit"

local T = {}

function T.test_fails() lu.assertEquals(1, 2) end
function T.test_holds() lu.assertEquals(1, 1) end

return T
