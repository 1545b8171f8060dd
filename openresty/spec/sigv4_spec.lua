-- sigv4.lua and s3.lua: signatures against the example of Amazon's documentation ("GET Object"), and how paths are written.
local lu = require "luaunit"
local s3 = require "s3"
local sigv4 = require "sigv4"

local EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
local WHO = { access_key_id = "AKIAIOSFODNN7EXAMPLE", region = "us-east-1", secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" }
local NAMES = "host;range;x-amz-content-sha256;x-amz-date"

local function example(who, time)
  return sigv4.authorization(who, time, "GET", "/test.txt", "host:examplebucket.s3.amazonaws.com\nrange:bytes=0-9\n"
    .. "x-amz-content-sha256:" .. EMPTY .. "\nx-amz-date:" .. time .. "\n", NAMES, EMPTY)
end

local function with(fields)
  local who = {}
  for name, value in pairs(WHO) do who[name] = fields[name] or value end
  return who
end

local T = {}

function T.test_the_example_of_the_documentation()
  lu.assertEquals(example(WHO, "20130524T000000Z"), "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
    .. "aws4_request,SignedHeaders=" .. NAMES .. ",Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
end

function T.test_a_kept_key_is_of_its_secret_region_and_day_alone()
  local known = example(WHO, "20130524T000000Z")
  for _, other in ipairs { with { secret = "another" }, with { region = "eu-central-1" } } do
    lu.assertNotEquals(example(other, "20130524T000000Z"):match("Signature=.*"), known:match("Signature=.*"))
  end
  lu.assertNotEquals(example(WHO, "20130525T000000Z"):match("Signature=.*"), known:match("Signature=.*"))
  lu.assertEquals(example(WHO, "20130524T000000Z"), known)
end

function T.test_a_path_is_written_as_s3_writes_it_and_the_query_stays_here()
  lu.assertEquals(s3.target("", "/a/b-c_d.e~f"), "/a/b-c_d.e~f")
  lu.assertEquals(s3.target("/files", "/a+b/(c)!*'$&,;=:@"), "/files/a%2Bb/%28c%29%21%2A%27%24%26%2C%3B%3D%3A%40")
  lu.assertEquals(s3.target("", "/caf%C3%A9%20au%25lait"), "/caf%C3%A9%20au%25lait")
  lu.assertEquals(s3.target("/files", "/a?versionId=1&list-type=2"), "/files/a")
end

local function refusal(target, var)
  var = var or {}
  var.request_method = var.request_method or "GET"
  return s3.refusal(var, target)
end

function T.test_a_bucket_is_read_object_by_object()
  lu.assertNil(refusal "/a")
  lu.assertNil(refusal("/a", { request_method = "HEAD", http_content_length = "0" }))
  lu.assertEquals(refusal "/", 404)
  lu.assertEquals(refusal "/?list-type=2", 404)
  for _, method in ipairs { "PUT", "POST", "DELETE", "OPTIONS", "PATCH" } do
    lu.assertEquals(refusal("/a", { request_method = method }), 405)
  end
  lu.assertEquals(refusal("/a", { http_content_length = "1" }), 400)
  lu.assertEquals(refusal("/a", { http_transfer_encoding = "chunked" }), 400)
  lu.assertEquals(refusal("/a", { http_upgrade = "websocket" }), 400)
end

return T
