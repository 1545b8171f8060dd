-- access_rules.lua: which rules are none. Whom they let in is seen in access-rules.test.ts.
local access_rules = require "access_rules"
local lu = require "luaunit"

local T = {}

function T.test_good_rules_are_ready_for_look_ups()
  local access = {
    { type = "country", action = "deny", countries = "DE US" },
    { type = "ip", action = "allow", networks = "10.0.0.0/8", paths = "/a/*" },
    { type = "referrer", action = "allow", hosts = "a.test *.b.test", empty = true },
    { type = "user_agent", action = "deny", patterns = { "*BOT*" } },
    { type = "signed_url", action = "allow", secrets = "one two" },
  }
  lu.assertNil(access_rules.fault(access))
  access_rules.prepare(access)
  lu.assertEquals(access[1].countries, { DE = true, US = true })
  lu.assertEquals(access[4].patterns[1][1], "bot")
  lu.assertEquals(access[5].secrets, { "one", "two" })
  lu.assertTrue(access.has_signed_urls)
end

function T.test_what_is_no_rule_is_named()
  for _, case in ipairs {
    { "access.0: type", 1 }, { "access.0: type", { type = "planet", action = "deny" } },
    { "access.0: action", { type = "ip", action = "maybe", networks = "::1" } },
    { "access.0: paths", { type = "ip", action = "deny", networks = "::1", paths = {} } },
    { "access.0: networks", { type = "ip", action = "deny", networks = "::1 1.2.3" } },
    { "access.0: networks", { type = "ip", action = "deny" } },
    { "access.0: countries", { type = "country", action = "deny" } },
    { "access.0: hosts", { type = "referrer", action = "deny" } },
    { "access.0: empty", { type = "referrer", action = "deny", hosts = "a", empty = "yes" } },
    { "access.0: patterns", { type = "user_agent", action = "deny", patterns = { 1 } } },
    { "access.0: action", { type = "signed_url", action = "deny", secrets = "a" } },
    { "access.0: secrets", { type = "signed_url", action = "allow" } },
  } do
    lu.assertEquals(access_rules.fault { case[2] }, case[1])
  end
  lu.assertEquals(access_rules.fault(1), "access: no list")
end

return T
