-- slices.lua: turns and versions of large files.
local lu = require "luaunit"
local slices = require "slices"

local T = {}

function T.test_a_turn_lasts_as_long_as_the_version()
  lu.assertEquals(slices.turn("file"), "00000000")
  local one, other = slices.version('"a"'), slices.version('"b"')
  lu.assertNotEquals(one, other)
  lu.assertTrue(slices.note("file", one))
  lu.assertTrue(slices.note("file", one))
  lu.assertEquals(slices.turn("file"), "00000000")
  lu.assertFalse(slices.note("file", other))
  lu.assertEquals(slices.turn("file"), "00000001")
  lu.assertTrue(slices.note("file", other))
  lu.assertFalse(slices.note("file", one))
  lu.assertEquals(slices.turn("file"), "00000002")
  lu.assertEquals(slices.turn("another file"), "00000000")
end

function T.test_a_slice_is_a_range_with_both_ends()
  lu.assertEquals({ slices.is_slice("bytes=0-1048575") }, { true, true })
  lu.assertEquals({ slices.is_slice("bytes=1048576-2097151") }, { true, false })
  for _, range in ipairs { "bytes=0-", "bytes=-5", "bytes=0-1,3-4", "" } do lu.assertFalse(slices.is_slice(range)) end
  lu.assertFalse(slices.is_slice(nil))
end

return T
