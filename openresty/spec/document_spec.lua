-- document.lua: which cache rule a path falls under.
local document = require "document"
local lu = require "luaunit"

local function rules(list) return document.prepare({ cache = { rules = list } }) end

local PICTURES = { match = { extensions = { "png", "jpg" } } }
local VIDEOS = { match = { prefix = "/videos/" } }
local REST = { match = { any = true } }

local T = {}

function T.test_the_first_matching_rule_counts()
  local made = rules { PICTURES, VIDEOS, REST }
  for path, rule in pairs {
    ["/a.png"] = PICTURES, ["/a/b.JPG"] = PICTURES, ["/videos/a.png"] = PICTURES, ["/videos/a"] = VIDEOS,
    ["/png"] = REST, ["/a.png/b"] = REST, ["/a.png.txt"] = REST, ["/"] = REST, ["/x.p%20ng"] = REST,
  } do
    lu.assertIs(document.rule_for(made, path), rule, path)
  end
end

function T.test_no_rule_matches_when_none_does()
  lu.assertNil(document.rule_for(rules { VIDEOS }, "/a"))
end

return T
