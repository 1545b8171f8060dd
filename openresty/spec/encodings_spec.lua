-- encodings.lua: what is accepted, in one of four spellings.
local encodings = require "encodings"
local lu = require "luaunit"

local T = {}

function T.test_every_spelling_is_one_of_four()
  for text, canonical in pairs {
    [""] = "", ["identity"] = "", ["deflate, zstd"] = "", ["*"] = "", ["gzipx"] = "", ["x-gzip"] = "",
    ["gzip"] = "gzip", ["GZip;q=0.1"] = "gzip", ["deflate,gzip;q=1.0,*;q=0.5"] = "gzip", ["br;q=0, gzip"] = "gzip",
    ["br"] = "br", ["gzip;q=0.000, br"] = "br", ["gzip, deflate, br, zstd"] = "br, gzip", ["br,gzip"] = "br, gzip",
    ["gzip; q=0"] = "", ["gzip;q="] = "gzip", ["gzip;q=x"] = "gzip",
  } do
    lu.assertEquals(encodings.canonical(text), canonical, text)
    lu.assertEquals(encodings.canonical(text), canonical, text)
  end
end

return T
