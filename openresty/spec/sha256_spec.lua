-- sha256.lua against the examples of FIPS 180-2.
local lu = require "luaunit"
local sha256 = require "sha256"

local T = {}

function T.test_known_digests()
  lu.assertEquals(sha256.hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  lu.assertEquals(sha256.hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
end

function T.test_a_sum_of_parts_is_the_digest_of_the_whole()
  local sum = sha256.sum()
  sum:add("a")
  lu.assertEquals(sha256.hex("another digest in between"), sha256.hex("another digest in between"))
  sum:add("bc")
  lu.assertEquals(sum:hex(), sha256.hex("abc"))
end

return T
