-- Runs one spec file inside nginx (content phase, real dicts) and answers what failed, as JSON.
local cjson = require "cjson.safe"
local luaunit = require "luaunit"

-- luaunit's own global: written here, it is not reported as one of ours.
rawset(_G, "testNames", {})
local suite = require(ngx.var.arg_spec)
local runner = luaunit.LuaUnit.new()
runner:setOutputType("nil")
local tests = {}
for name, test in pairs(suite) do tests[#tests + 1] = { name, test } end
table.sort(tests, function(one, other) return one[1] < other[1] end)
runner:runSuiteByInstances(tests)

local ran, failures = {}, {}
for index, test in ipairs(runner.result.allTests) do
  ran[index] = test.testName
  if not test:isSuccess() then failures[#failures + 1] = test.testName .. ": " .. tostring(test.msg) end
end
ngx.header["Content-Type"] = "application/json"
ngx.say(('{"ran":%s,"failures":%s}'):format(cjson.encode(ran), #failures == 0 and "[]" or cjson.encode(failures)))
