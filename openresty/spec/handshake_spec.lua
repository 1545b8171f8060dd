-- handshake.lua: tickets of a hello are made unreadable, and nothing but those.
local ffi = require "ffi"
local handshake = require "handshake"
local lu = require "luaunit"

-- What stands in memory after the first `count` bytes of `text` were taken for the extension.
local function blanked(text, count)
  local bytes = ffi.new("unsigned char[?]", #text)
  ffi.copy(bytes, text, #text)
  handshake.blank_tickets(bytes, count or #text)
  return ffi.string(bytes, #text)
end

local TICKET, AGE = ("t"):rep(20), "aged"
local BLANK = ("\0"):rep(16) .. "tttt"

local T = {}

function T.test_the_first_bytes_of_every_ticket_are_made_unreadable()
  local function hello(ticket) return "\0\52\0\20" .. ticket .. AGE .. "\0\20" .. ticket .. AGE .. "binders" end
  lu.assertEquals(blanked(hello(TICKET)), hello(BLANK))
  lu.assertEquals(blanked("\0\9\0\3abc" .. AGE), "\0\9\0\3\0\0\0" .. AGE)
end

function T.test_what_says_more_than_it_holds_is_left_alone()
  for _, case in ipairs {
    { "\0\4\255\255ab" .. TICKET, 6 }, { "\0\4\0\3ab" .. TICKET, 6 }, { "\255\255\0\20" .. TICKET, 24 },
    { "\0\26" .. "\0\20" .. TICKET, 1 }, { "\0\26" .. "\0\20" .. TICKET, 0 },
  } do
    lu.assertEquals(blanked(case[1], case[2]), case[1])
  end
end

return T
