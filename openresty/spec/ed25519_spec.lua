-- ed25519.lua against test 2 of RFC 8032 § 7.1.
local ed25519 = require "ed25519"
local lu = require "luaunit"

local function bytes(hex) return (hex:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)) end
local function base64(hex) return ngx.encode_base64(bytes(hex)) end

local KEY = base64("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
local SIGNATURE = base64("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
  .. "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
local TEXT = bytes("72")

local T = {}

function T.test_the_right_signature_counts()
  lu.assertTrue(ed25519.verify(assert(ed25519.key(KEY)), TEXT, SIGNATURE))
end

function T.test_another_text_does_not()
  lu.assertFalse(ed25519.verify(assert(ed25519.key(KEY)), TEXT .. "!", SIGNATURE))
end

function T.test_a_signature_of_another_shape_does_not()
  local key = assert(ed25519.key(KEY))
  for _, signature in ipairs { "", "AAAA", "not base64!", SIGNATURE:sub(5) } do
    lu.assertFalse(ed25519.verify(key, TEXT, signature))
  end
end

function T.test_a_key_that_is_none_says_so()
  local key, err = ed25519.key("AAAA")
  lu.assertNil(key)
  lu.assertEquals(err, "not 32 bytes of base64")
end

return T
