-- addresses.lua: what the lines of state/addresses make of the origins.
local addresses = require "addresses"
local lu = require "luaunit"

local T = {}

function T.test_the_last_line_of_an_origin_counts()
  addresses.load "spec-a.test:80 192.0.2.1\nspec-b.test:80 192.0.2.2\nspec-a.test:80 192.0.2.3 2001:db8::1\n"
  lu.assertEquals(addresses.of_origin("spec-a.test", 80), { "192.0.2.3", "[2001:db8::1]" })
  lu.assertEquals(addresses.of_origin("spec-b.test", 80), { "192.0.2.2" })
end

function T.test_a_line_without_addresses_takes_them_away()
  addresses.load "spec-c.test:80 192.0.2.1\nspec-c.test:80\n"
  lu.assertNil(addresses.of_origin("spec-c.test", 80))
end

function T.test_a_torn_last_line_is_left_out()
  addresses.load "spec-d.test:80 192.0.2.1\nspec-d.test:80 192.0.2"
  lu.assertEquals(addresses.of_origin("spec-d.test", 80), { "192.0.2.1" })
end

function T.test_a_line_that_says_no_address_costs_itself_alone()
  addresses.load "nonsense\nspec-e.test:80 not-an-address\n\nspec-f.test:80 192.0.2.1\n"
  lu.assertNil(addresses.of_origin("spec-e.test", 80))
  lu.assertEquals(addresses.of_origin("spec-f.test", 80), { "192.0.2.1" })
end

function T.test_an_ipv6_origin_is_in_brackets()
  addresses.load "[2001:db8::2]:443 2001:db8::2\n"
  lu.assertEquals(addresses.of_origin("2001:db8::2", 443), { "[2001:db8::2]" })
end

function T.test_no_file_is_no_fault() addresses.load(nil) end

return T
