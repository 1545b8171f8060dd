-- No table is made per request on the hit path: the bytecode of its functions has no
-- instruction that makes one.
local access_rules = require "access_rules"
local answers = require "answers"
local bit = require "bit"
local browser = require "browser"
local cache_key = require "cache_key"
local cache_rules = require "cache_rules"
local cache_status = require "cache_status"
local challenges = require "challenges"
local clock = require "clock"
local compression = require "compression"
local connection = require "connection"
local cors = require "cors"
local countries = require "countries"
local documents = require "documents"
local encodings = require "encodings"
local epochs = require "epochs"
local facts = require "facts"
local header_rules = require "header_rules"
local health = require "health"
local invalidations = require "invalidations"
local lu = require "luaunit"
local outer = require "outer"
local languages = require "languages"
local marks = require "marks"
local networks = require "networks"
local patterns = require "patterns"
local query = require "query"
local rate_limits = require "rate_limits"
local redirects = require "redirects"
local renewals = require "renewals"
local route = require "route"
local signed_urls = require "signed_urls"
local url = require "url"
local util = require "jit.util"

local function opcode_at(fn, pc)
  local instruction = util.funcbc(fn, pc)
  return instruction and bit.band(instruction, 0xff)
end

-- The first instruction of each of these is the one to look for.
local MAKERS = {
  [opcode_at(function() return {} end, 1)] = "an empty table",
  [opcode_at(function() return { 1 } end, 1)] = "a table",
  [opcode_at(function() return function() end end, 1)] = "a closure",
}

local function made_by(fn)
  for pc = 1, math.huge do
    local opcode = opcode_at(fn, pc)
    if not opcode then return nil end
    if MAKERS[opcode] then return MAKERS[opcode] end
  end
end

-- A module's own functions that `fn` calls are its upvalues.
local function assert_makes_nothing(name, fn, seen)
  if seen[fn] then return end
  seen[fn] = true
  lu.assertNil(made_by(fn), name)
  for index = 1, math.huge do
    local upvalue, value = debug.getupvalue(fn, index)
    if not upvalue then return end
    if type(value) == "function" and util.funcinfo(value).loc and util.funcinfo(value).source:find("/openresty/lua/") then
      assert_makes_nothing(name .. " > " .. upvalue, value, seen)
    end
  end
end

local T = {}

function T.test_the_checker_sees_what_is_made()
  lu.assertEquals(made_by(function(a) local b = a; return { b } end), "an empty table")
  lu.assertEquals(made_by(function(a) return a, { 1, 2 } end), "a table")
  lu.assertNil(made_by(function(a) return a .. "b" end))
end

function T.test_the_hit_path_makes_nothing()
  for name, fn in pairs {
    ["outer.access"] = outer.access, ["outer.admit"] = outer.admit, ["outer.header_filter"] = outer.header_filter,
    ["answers.finish"] = answers.finish, ["browser.tell"] = browser.tell, ["cache_key.of"] = cache_key.of, ["clock.now"] = clock.now, ["marks.epoch"] = marks.epoch, ["epochs.find"] = epochs.find, ["invalidations.turn"] = invalidations.turn,
    ["compression.limit"] = compression.limit,
    ["connection.may_ask"] = connection.may_ask, ["connection.tell"] = connection.tell,
    ["cors.write"] = cors.write, ["cors.is_preflight"] = cors.is_preflight,
    ["cache_status.of"] = cache_status.of,
    ["cache_rules.find"] = cache_rules.find, ["cache_rules.holds"] = cache_rules.holds,
    ["encodings.canonical"] = encodings.canonical, ["header_rules.write_response"] = header_rules.write_response,
    ["patterns.any_matches"] = patterns.any_matches,
    ["query.kept"] = query.kept, ["access_rules.admit"] = access_rules.admit, ["countries.of"] = countries.of,
    ["networks.contains"] = networks.contains, ["signed_urls.unsigned"] = signed_urls.unsigned,
    ["redirects.find"] = redirects.find,
    ["rate_limits.wait"] = rate_limits.wait,
    ["route.id_of"] = route.id_of, ["route.is_same_host"] = route.is_same_host,
    ["documents.id_of_host"] = documents.id_of_host, ["facts.generation"] = facts.generation,
    ["challenges.find"] = challenges.find, ["health.is_asked"] = health.is_asked, ["renewals.apply"] = renewals.apply,
  } do
    assert_makes_nothing(name, fn, {})
  end
  -- These make something on their slow paths alone: a changed document, a target that is not canonical, languages that
  -- were not asked for lately.
  lu.assertNil(made_by(languages.canonical))
  lu.assertNil(made_by(documents.find))
  lu.assertNil(made_by(url.canonical))
end

return T
