-- document.lua: what is decoded and what is refused.
local cjson = require "cjson.safe"
local document = require "document"
local lu = require "luaunit"

local ID = "0b9e5a36-7f2b-4c8e-9d53-6a1f4f0c2a11"
local ORIGIN = '{"balancer":"failover","servers":[{"connect_timeout":5,"host":"o","host_header":"o","id":"o","port":80,'
  .. '"primary":true,"read_timeout":30,"scheme":"http","sni":"o","verify":true,"weight":1}]}'
local PICTURES = '{"extensions":"png jpg","ttl":1}'
local VIDEOS = '{"paths":"/videos/*","ttl":2}'
local REST = '{"ttl":3}'

-- As the compiler writes it.
local function canonical(cache)
  return ('{"account":"a","cache":%s,"compression":{"brotli":true,"gzip":true},"format":2,"hosts":["a.test"],"http2":true,"http3":true,"https":true,"id":"%s","origin":%s,'
    .. '"redirect_to_https":false}'):format(cache, ID, ORIGIN)
end

-- The same value, its names in another order.
local function shuffled(cache)
  return ('{"format":2,"id":"%s","origin":%s,"cache":%s,"compression":{"brotli":true,"gzip":true},"redirect_to_https":false,"https":true,"http3":true,"http2":true,'
    .. '"hosts":["a.test"],"account":"a"}'):format(ID, ORIGIN, cache)
end

local function rules(...) return '{"rules":[' .. table.concat({ ... }, ",") .. "]}" end

local T = {}

function T.test_every_spelling_decodes_to_the_same()
  local cache = rules(PICTURES, VIDEOS, REST)
  local one, other = assert(document.decode(canonical(cache), ID)), assert(document.decode(shuffled(cache), ID))
  lu.assertEquals(one, other)
  lu.assertEquals(one.hosts, { "a.test" })
  lu.assertEquals(one.cache.rules[1].extensions, { png = true, jpg = true })
end

function T.test_documents_of_one_policy_share_it()
  local cache = rules(REST)
  local one, other = document.decode(canonical(cache), ID), document.decode(canonical(cache), ID)
  lu.assertNotIs(one, other)
  lu.assertIs(one.cache, other.cache)
end

function T.test_a_bad_policy_is_refused_in_every_spelling()
  for _, cache in ipairs { "{}", "1", '{"rules":[1]}', '{"rules":[{"paths":1}]}', '{"rules":[{"ttl_max":-1}]}' } do
    for _, body in ipairs { canonical(cache), shuffled(cache) } do
      local decoded, fault = document.decode(body, ID)
      lu.assertNil(decoded)
      lu.assertStrContains(fault, "cache")
    end
  end
end

function T.test_a_text_that_looks_like_the_end_of_the_policy_does_not_mislead()
  local cache = cjson.encode { rules = { { paths = '/,"compression":{' } } }
  local decoded = assert(document.decode(canonical(cache), ID))
  lu.assertEquals(decoded.cache.rules[1].paths, { { exact = '/,"compression":{' } })
  local nested = '{"rules":[{"x":{"a":1,"compression":2}}]}'
  lu.assertEquals(assert(document.decode(canonical(nested), ID)).cache.rules[1].x, { a = 1, compression = 2 })
  local twice = canonical(rules(REST)):gsub('"format":2', '"format":2,"cache":1')
  lu.assertNil((document.decode(twice, ID)))
end

function T.test_what_nobody_foresaw_is_a_refusal_too()
  local cache_rules = require "cache_rules"
  local fault = cache_rules.fault
  cache_rules.fault = function() error("unforeseen") end
  local decoded, message = document.decode(canonical(rules('{"ttl":4}')), ID)
  cache_rules.fault = fault
  lu.assertNil(decoded)
  lu.assertStrContains(message, "unforeseen")
end

return T
