-- session_tickets.lua finds the keys in nginx's memory by what it has read, and nowhere else.
local ffi = require "ffi"
local lu = require "luaunit"
local session_tickets = require "session_tickets"

local HOME = ngx.config.prefix()

local function read_seed(index)
  local file = assert(io.open(HOME .. "tls/ticket-" .. index .. ".key", "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- Keys with a few bytes before and behind, as the versions of nginx keep them.
local function array_of(seeds, before, behind)
  local text = ""
  for _, seed in ipairs(seeds) do text = text .. ("\1"):rep(before) .. seed .. ("\2"):rep(behind) end
  local memory = ffi.new("unsigned char[?]", #text + 1)
  ffi.copy(memory, text)
  return ffi.new("edge_ngx_array", memory, #seeds, #text / #seeds), memory
end

local T = {}

function T.test_keys_are_found_wherever_they_are_in_their_element()
  local seeds = { read_seed(1), read_seed(2), read_seed(3) }
  for _, place in ipairs { { 0, 16 }, { 8, 0 }, { 0, 0 } } do
    local array, memory = array_of(seeds, place[1], place[2])
    local found = session_tickets.places_in(array)
    for index, seed in ipairs(seeds) do
      lu.assertEquals(ffi.string(found[index], 80), seed)
      lu.assertEquals(found[index] - memory, (index - 1) * (80 + place[1] + place[2]) + place[1])
    end
  end
end

function T.test_what_is_not_there_is_not_found()
  local seeds = { read_seed(1), read_seed(2), read_seed(3) }
  lu.assertNil(session_tickets.places_in(nil))
  lu.assertNil(session_tickets.places_in((array_of({ seeds[1], seeds[2] }, 0, 0))))
  lu.assertNil(session_tickets.places_in((array_of({ seeds[1], seeds[3], seeds[2] }, 0, 0))))
  lu.assertNil(session_tickets.places_in((array_of({ seeds[1], seeds[2], ("x"):rep(80) }, 0, 0))))
  lu.assertNil(session_tickets.places_in((array_of(seeds, 0, 4096))))
end

function T.test_every_window_and_secret_has_a_key_of_its_own()
  local key = session_tickets.key_of("secret", 1)
  lu.assertEquals(#key, 80)
  lu.assertEquals(session_tickets.key_of("secret", 1), key)
  lu.assertNotEquals(session_tickets.key_of("secret", 2):sub(1, 16), key:sub(1, 16))
  lu.assertNotEquals(session_tickets.key_of("other", 1):sub(1, 16), key:sub(1, 16))
end

return T
