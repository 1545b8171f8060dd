-- variants.lua: sixty-four variants of a URL within the hour, and no more.
local lu = require "luaunit"
local variants = require "variants"

local T = {}

function T.test_each_key_has_its_own_count()
  for made = 1, 64 do lu.assertTrue(variants.may_make("one"), made) end
  lu.assertFalse(variants.may_make("one"))
  lu.assertTrue(variants.may_make("other"))
end

return T
