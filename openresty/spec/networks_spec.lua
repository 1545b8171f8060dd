-- networks.lua: what is an address, what is a network, and what lies in one.
local lu = require "luaunit"
local networks = require "networks"

local T = {}

local function contains(text, address) return networks.contains(networks.compile(text), assert(networks.parse(address), address)) end

function T.test_addresses_are_their_bytes()
  lu.assertEquals(networks.parse("192.0.2.1"), "\192\0\2\1")
  lu.assertEquals(networks.parse("2001:db8::1"), "\32\1\13\184" .. ("\0"):rep(11) .. "\1")
  for _, text in ipairs { "", "1.2.3", "1.2.3.4.5", "256.0.0.1", "0x7f.0.0.1", "01.2.3.4", "a", ":::", "fe80::1%eth0", "1.2.3.4/8" } do
    lu.assertNil(networks.parse(text), text)
  end
end

function T.test_a_network_holds_what_shares_its_bits()
  for text, addresses in pairs {
    ["192.0.2.7"] = { yes = { "192.0.2.7" }, no = { "192.0.2.6", "192.0.2.8", "::c000:207" } },
    ["10.0.0.0/8"] = { yes = { "10.0.0.0", "10.255.255.255" }, no = { "9.255.255.255", "11.0.0.0" } },
    ["192.0.2.77/25"] = { yes = { "192.0.2.0", "192.0.2.127" }, no = { "192.0.2.128", "192.0.1.255" } },
    ["0.0.0.0/0"] = { yes = { "0.0.0.0", "255.255.255.255" }, no = { "::1" } },
    ["2001:db8::/33"] = { yes = { "2001:db8::", "2001:db8:7fff:ffff::1" }, no = { "2001:db8:8000::", "2001:db7:ffff::" } },
    ["::1"] = { yes = { "::1" }, no = { "::2", "::", "0.0.0.1" } },
    ["::/0"] = { yes = { "::", "ffff::" }, no = { "1.2.3.4" } },
    ["fe80::/10"] = { yes = { "fe80::1", "febf::" }, no = { "fec0::", "fe7f:ffff::" } },
  } do
    for _, address in ipairs(addresses.yes) do lu.assertTrue(contains(text, address), text .. " " .. address) end
    for _, address in ipairs(addresses.no) do lu.assertFalse(contains(text, address), text .. " " .. address) end
  end
end

function T.test_an_ipv4_viewer_of_a_listener_for_both_is_one()
  lu.assertTrue(contains("192.0.2.0/24", "::ffff:192.0.2.9"))
  lu.assertFalse(contains("192.0.2.0/24", "::ffff:192.0.3.9"))
end

function T.test_ranges_may_overlap_and_touch()
  local text = "10.0.0.0/8 10.1.0.0/16 9.0.0.0/8 10.255.255.255 12.0.0.0/8 192.0.2.1 192.0.2.2"
  for _, address in ipairs { "9.0.0.0", "10.1.2.3", "10.255.255.255", "12.5.5.5", "192.0.2.1", "192.0.2.2" } do
    lu.assertTrue(contains(text, address), address)
  end
  for _, address in ipairs { "8.255.255.255", "11.0.0.0", "13.0.0.0", "192.0.2.0", "192.0.2.3" } do
    lu.assertFalse(contains(text, address), address)
  end
end

function T.test_of_many_each_is_found_and_no_other()
  local items = {}
  for index = 0, 499 do items[#items + 1] = ("10.%d.%d.0/25"):format(index % 250, math.floor(index / 250)) end
  local compiled = networks.compile(table.concat(items, " "))
  for index = 0, 499 do
    local prefix = ("10.%d.%d."):format(index % 250, math.floor(index / 250))
    lu.assertTrue(networks.contains(compiled, networks.parse(prefix .. "127")))
    lu.assertFalse(networks.contains(compiled, networks.parse(prefix .. "128")))
  end
end

function T.test_what_is_no_network_is_named()
  for _, item in ipairs { "a", "1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/-1", "1.2.3.4/8/8", "1.2.3.4/0x8" } do
    lu.assertEquals(networks.fault("10.0.0.0/8 " .. item), item)
  end
  lu.assertNil(networks.fault("10.0.0.0/8 ::1"))
end

return T
