-- languages.lua: one spelling for all who want the same.
local languages = require "languages"
local lu = require "luaunit"

local T = {}

function T.test_what_browsers_send_is_spelt_so_already()
  for _, text in ipairs { "en-US,en;q=0.9", "de,en-US;q=0.7,en;q=0.3", "zh-Hant-TW,zh;q=0.9", "*", "en" } do
    lu.assertEquals(languages.canonical(text), text)
  end
end

function T.test_case_blanks_and_order_do_not_count()
  for _, text in ipairs { "de,en", "en, de", " EN ,   De", "en;q=1,de;q=1" } do
    lu.assertEquals((languages.canonical(text):gsub(";q=1", "")), "de,en", text)
  end
  lu.assertEquals(languages.canonical("fr;q=0.5, DE-de ; q=1.0"), "de-DE;q=1.0,fr;q=0.5")
end

function T.test_what_is_not_understood_is_left_as_it_is()
  for _, text in ipairs { "en;level=1", "é", "en;q=x", ("en,"):rep(40) } do
    lu.assertEquals(languages.canonical(text), text)
  end
end

function T.test_the_favourite_is_the_one_that_is_liked_best()
  for text, favourite in pairs { ["de"] = "de", ["fr;q=0.5,de;q=1.0"] = "de", ["de-at,de;q=0.9"] = "de-AT" } do
    lu.assertEquals(languages.favourite(text), favourite, text)
  end
  for _, text in ipairs { "", "*", "de,en", "de;q=0", "de;q=0.5,en;q=0.5", "de;level=1" } do
    lu.assertNil(languages.favourite(text), text)
  end
end

function T.test_what_is_understood_can_be_told()
  lu.assertTrue(languages.is_understood("de-AT,de;q=0.9"))
  lu.assertFalse(languages.is_understood("de;level=1"))
end

return T
