-- countries.lua on the free country file.
local countries = require "countries"
local lu = require "luaunit"
local networks = require "networks"

local T = {}

function T.test_countries_of_well_known_addresses()
  -- What nobody holds is gone by now.
  collectgarbage()
  collectgarbage()
  lu.assertTrue(countries.are_known())
  for address, country in pairs { ["8.8.8.8"] = "US", ["2001:4860:4860::8888"] = "US", ["194.0.0.53"] = "DE" } do
    for _ = 1, 2 do lu.assertEquals(countries.of(networks.parse(address)), country, address) end
  end
end

function T.test_nobody_knows_where_a_loopback_is()
  for _, address in ipairs { "127.0.0.1", "::1", "10.0.0.1", "fe80::1" } do
    for _ = 1, 2 do lu.assertNil(countries.of(networks.parse(address)), address) end
  end
end

return T
