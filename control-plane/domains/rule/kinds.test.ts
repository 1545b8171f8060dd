// What each kind of rule refuses, by its schema or by what its fields say against each other, and in which words.
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Problem } from "../../../platform/problem.ts";
import { parseParts } from "../../http/parse-request.ts";
import type { RuleKindName } from "./kind.ts";
import { ruleKinds } from "./kinds.ts";
import { merged } from "./rules.ts";

const hosts = ["www.example.com", "*.shop.example.com", "abc.cdn.edgewright.localhost"];
const names = Object.values(ruleKinds).map((kind) => kind.name);

/** The faults that a request with this body is answered, or none. */
function faultsOfRequest(name: RuleKindName, input: object): readonly { pointer: string; detail: string }[] {
  const kind = ruleKinds[name];
  try {
    const parts = parseParts(
      { params: undefined, query: undefined, body: kind.create },
      { params: {}, query: {}, body: input },
    );
    const secret_ids = name === "access_rule" && "secrets" in input ? [randomUUID()] : [];
    return kind.faultsOf(kind.bodyOf({ secret_ids, ...Object(parts.body) }), { hosts });
  } catch (error) {
    if (error instanceof Problem) return error.errors ?? [];
    throw error;
  }
}

function bodyOf(name: RuleKindName, input: object): object {
  return ruleKinds[name].bodyOf(ruleKinds[name].create.parse(input));
}

describe.each(names)("%s", (name) => {
  const kind = ruleKinds[name];

  test("takes its own example, and answers it", () => {
    expect(faultsOfRequest(name, kind.example)).toEqual([]);
    const answered = z.array(z.unknown()).parse(kind.reply.meta()?.examples);
    expect(z.array(kind.reply).safeParse(answered).error).toBeUndefined();
  });

  test("refuses a field that it does not have", () => {
    expect(faultsOfRequest(name, { ...kind.example, admin: true })).toEqual([
      { pointer: "/admin", detail: "is not a field of this request." },
    ]);
  });

  test("a patch of nothing changes nothing", () => {
    const body = bodyOf(name, kind.example);
    expect(kind.bodyOf(merged(body, kind.patch.parse({})))).toEqual(body);
  });
});

test.each<[RuleKindName, object, string, string]>([
  ["cache_rule", { paths: ["images"] }, "/paths/0", "begin with / or *"],
  ["cache_rule", { paths: ["/a/../b"] }, "/paths/0", "/../"],
  ["cache_rule", { paths: Array.from({ length: 51 }, (_, index) => `/${index}`) }, "/paths", "50 at most"],
  ["cache_rule", { extensions: ["j-pg"] }, "/extensions/0", "letters and digits"],
  ["cache_rule", { content_types: ["text/html; charset=utf-8"] }, "/content_types/0", "without parameters"],
  ["cache_rule", { mode: "always" }, "/mode", "respect"],
  ["cache_rule", { ttl_seconds: -1 }, "/ttl_seconds", ">=0"],
  ["cache_rule", { ttl_seconds: 31_536_001 }, "/ttl_seconds", "<=31536000"],
  ["cache_rule", { ttl_seconds: 1.5 }, "/ttl_seconds", "int"],
  ["cache_rule", { ttl_by_status: { 199: 1 } }, "/ttl_by_status/199", "200 to 599"],
  ["cache_rule", { ttl_by_status: { 304: 1 } }, "/ttl_by_status/304", "but 206 and 304"],
  ["cache_rule", { ttl_by_status: { "6xx": 1 } }, "/ttl_by_status/6xx", "class such as 4xx"],
  ["cache_rule", { ttl_by_status: { "4xx": null } }, "/ttl_by_status/4xx", "expected number"],
  ["cache_rule", { ttl_seconds: 60, ttl_max_seconds: 10 }, "/ttl_seconds", "ttl_max_seconds, 10"],
  ["cache_rule", { ttl_by_status: { 404: 60 }, ttl_max_seconds: 10 }, "/ttl_by_status/404", "ttl_max_seconds, 10"],
  ["cache_rule", { mode: "override" }, "/ttl_seconds", "is required when mode is override"],
  ["cache_rule", { is_private_overridden: true }, "/is_private_overridden", "unless mode is override"],
  ["cache_rule", { mode: "bypass", ttl_seconds: 1 }, "/ttl_seconds", "nothing is stored"],
  ["cache_rule", { mode: "bypass", ttl_max_seconds: 1 }, "/ttl_max_seconds", "nothing is stored"],
  ["cache_rule", { mode: "bypass", ttl_by_status: { 404: 1 } }, "/ttl_by_status", "nothing is stored"],
  ["cache_rule", { mode: "bypass", stale_if_error_seconds: 1 }, "/stale_if_error_seconds", "nothing is stored"],
  ["cache_rule", { mode: "bypass", query: { mode: "none" } }, "/query", "nothing is stored"],
  ["cache_rule", { mode: "bypass", cookies: ["a"] }, "/cookies", "nothing is stored"],
  ["cache_rule", { mode: "bypass", is_sliced: true }, "/is_sliced", "nothing is stored"],
  ["cache_rule", { query: { mode: "include" } }, "/query/names", "must name the parameters"],
  ["cache_rule", { query: { names: ["a"] } }, "/query/names", "must be empty"],
  ["cache_rule", { query: { mode: "include", names: ["a=1"] } }, "/query/names/0", "name alone"],
  ["cache_rule", { query: { mode: "include", names: ["a b"] } }, "/query/names/0", "without blanks"],
  ["cache_rule", { query: { mode: "include", names: ["a%5B%5D"] } }, "/query/names/0", "not its escape"],
  ["cache_rule", { query: { mode: "include", names: ["a"], extra: 1 } }, "/query/extra", "not a field"],
  ["cache_rule", { cookies: ["a=b"] }, "/cookies/0", "without ="],
  ["cache_rule", { headers: ["a b"] }, "/headers/0", "header name"],
  ["cache_rule", { headers: ["accept-language", "Cookie"] }, "/headers/1", "in `cookies`"],
  ["cache_rule", { headers: ["Host"] }, "/headers/0", "already"],
  ["cache_rule", { headers: ["X-Forwarded-For"] }, "/headers/0", "the edge writes it"],
  ["cache_rule", { headers: ["If-None-Match"] }, "/headers/0", "own questions"],
  ["cache_rule", { description: "x".repeat(256) }, "/description", "<=255"],
  ["cache_rule", { description: "a\u0000b" }, "/description", "control characters"],
  ["cache_rule", { position: 0 }, "/position", ">=1"],
])("a %s with %j is refused at %s: %s", (name, input, pointer, reason) => {
  expect(faultsOfRequest(name, input)).toEqual([{ pointer, detail: expect.stringContaining(reason) }]);
});

const header = { phase: "response", action: "set", name: "x-a", value: "b" };

test.each<[object, string, string]>([
  [{ name: "x a" }, "/name", "header name"],
  [{ name: "x:a" }, "/name", "header name"],
  [{ name: "x\r\n" }, "/name", "header name"],
  [{ name: "" }, "/name", ">=1"],
  [{ name: "x".repeat(129) }, "/name", "<=128"],
  [{ name: "Connection" }, "/name", "belongs to one connection"],
  [{ name: "Proxy-Whatever" }, "/name", "belongs to one connection"],
  [{ phase: "request", name: "If-Whatever" }, "/name", "own questions"],
  [{ name: "Keep-Alive" }, "/name", "belongs to one connection"],
  [{ name: "Upgrade" }, "/name", "belongs to one connection"],
  [{ name: "Content-Length" }, "/name", "framed"],
  [{ name: "Transfer-Encoding" }, "/name", "framed"],
  [{ name: "Host" }, "/name", "host_header"],
  [{ name: "Via" }, "/name", "the edge writes it"],
  [{ name: "X-Forwarded-Proto" }, "/name", "the edge writes it"],
  [{ name: "X-Edge-Hop" }, "/name", "hops"],
  [{ name: "X-Accel-Redirect" }, "/name", "steer nginx"],
  [{ name: "X-Cache" }, "/name", "its cache did"],
  [{ name: "Cache-Status" }, "/name", "its cache did"],
  [{ name: "Age" }, "/name", "its cache did"],
  [{ name: "Alt-Svc" }, "/name", "is_http3"],
  [{ phase: "request", name: "Range" }, "/name", "own questions"],
  [{ phase: "request", name: "Accept-Encoding" }, "/name", "compresses itself"],
  [{ value: "" }, "/value", "must not be empty"],
  [{ value: "a\r\nset-cookie: b" }, "/value", "line breaks"],
  [{ value: "a\u0000" }, "/value", "control characters"],
  [{ value: "a\tb" }, "/value", "tabs"],
  [{ value: "a\ud800" }, "/value", "control characters"],
  [{ value: "ü".repeat(2001) }, "/value", "4000 bytes"],
  [{ action: "remove" }, "/value", "must be absent"],
  [{ action: "append" }, "/action", "set"],
  [{ phase: undefined }, "/phase", "is required"],
])("a header rule with %j is refused at %s: %s", (change, pointer, reason) => {
  expect(faultsOfRequest("header_rule", { ...header, ...change })).toEqual([
    { pointer, detail: expect.stringContaining(reason) },
  ]);
});

test.each<[object, object]>([
  [{ name: "X-Frame-Options" }, { name: "x-frame-options" }],
  [{ value: "  spaced out  " }, { value: "spaced out" }],
  [{ value: "größe" }, { value: "größe" }],
  [{ action: "remove", value: "" }, { value: "" }],
  [{ name: "constructor" }, { name: "constructor" }],
  [{ name: "Range" }, { name: "range" }],
])("a header rule with %j is kept with %j", (change, kept) => {
  const input = { ...header, ...change };
  expect(faultsOfRequest("header_rule", input)).toEqual([]);
  expect(bodyOf("header_rule", input)).toMatchObject(kept);
});

test.each<[string, string, string, string]>([
  ["old", "/new", "/source", "begin with / or *"],
  ["*", "/new", "/source", "begin with /."],
  ["/a/*/b", "/new", "/source", "only at its end"],
  ["/old", "//evil.example", "/target", "//"],
  ["/old", "/\\evil.example", "/target", "backslash"],
  ["/old", "https://a.example\\@b.example/", "/target", "name a host"],
  ["/old", "ftp://example.com/", "/target", "http:// or https://"],
  ["/old", "javascript:alert(1)", "/target", "http:// or https://"],
  ["/old", "new", "/target", "from /"],
  ["/old", "https://user:password@example.com/", "/target", "without a user"],
  ["/old", "https://example.com:99999/", "/target", "port"],
  ["/old", "https:///path", "/target", "name a host"],
  ["/old/*", "https://:splat/", "/target", "without a user, a password or :splat"],
  ["/old/*", "https://example.com:splat", "/target", ":splat"],
  ["/old/*", "https://:splat.example.com/", "/target", ":splat"],
  ["/old", "/new/:splat", "/target", "only when the source ends with *"],
  ["/old", "/new/*", "/target", "must not hold *"],
  ["/old", "/a/../b", "/target", "/../"],
  ["/old", "/100%", "/target", "%25"],
  ["/old", "/new?a=100%", "/target", "%25"],
  ["/old", "/new\r\nset-cookie: a=b", "/target", "control"],
  ["/old", "/old", "/target", "in circles"],
  ["/old", "/old?a=b", "/target", "in circles"],
  ["/%6fld", "/old", "/target", "in circles"],
  ["/old/*", "/old/new", "/target", "in circles"],
  ["/old/*", "/old/:splat", "/target", "in circles"],
  ["/*", "/:splat", "/target", "in circles"],
  ["/*", "https://www.example.com/:splat", "/target", "in circles"],
  ["/*", "https://WWW.example.com:443/:splat", "/target", "in circles"],
  ["/*", "https://a.shop.example.com/:splat", "/target", "in circles"],
  ["/old", `/${"x".repeat(1024)}`, "/target", "<=1024"],
  ["/old", `/${"ü".repeat(500)}`, "/target", "written in ASCII"],
])("a redirect from %s to %s is refused at %s: %s", (source, target, pointer, reason) => {
  expect(faultsOfRequest("redirect", { source, target })).toEqual([
    { pointer, detail: expect.stringContaining(reason) },
  ]);
});

test.each([
  ["/old", "/new"],
  ["/old/*", "/new/:splat"],
  ["/old/*", "/older"],
  ["/*", "https://example.com/:splat"],
  ["/*", "https://deep.a.shop.example.com/:splat"],
  ["/old", "https://www.example.com/new"],
])("a redirect from %s to %s is taken", (source, target) => {
  expect(faultsOfRequest("redirect", { source, target })).toEqual([]);
});

test.each([
  ["https://Bücher.example", "https://xn--bcher-kva.example/"],
  ["HTTPS://Example.COM:443/a b", "https://example.com/a%20b"],
  ["http://example.com:8080?x=ü#ü", "http://example.com:8080/?x=%C3%BC#%C3%BC"],
  ["https://[2001:DB8:0::1]:8443/", "https://[2001:db8::1]:8443/"],
  ["https://192.0.2.7/", "https://192.0.2.7/"],
  ['/"<script>', "/%22%3Cscript%3E"],
  ['/a?"{}', "/a?%22%7B%7D"],
])("a redirect to %s is kept as %s", (target, kept) => {
  expect(bodyOf("redirect", { source: "/old", target })).toMatchObject({ target: kept });
});

test("a redirect has a status that redirects", () => {
  expect(faultsOfRequest("redirect", { source: "/a", target: "/b", status: 304 })).toEqual([
    { pointer: "/status", detail: "must be 301, 302, 303, 307 or 308." },
  ]);
});

test.each<[object, string, string]>([
  [{}, "/type", "must be country, ip"],
  [{ type: "asn" }, "/type", "must be country, ip"],
  [{ type: "country", action: "deny", countries: [] }, "/countries", "at least 1"],
  [{ type: "country", action: "deny", countries: ["DE", "XX"] }, "/countries/1", "ISO 3166-1"],
  [{ type: "country", countries: ["DE"] }, "/action", "is required"],
  [{ type: "country", action: "deny", countries: ["DE"], networks: [] }, "/networks", "not a field"],
  [{ type: "ip", action: "deny", networks: ["192.0.2.0/33"] }, "/networks/0", "32 bits"],
  [{ type: "referrer", action: "deny", hosts: ["https://a.example/"] }, "/hosts/0", "without https://"],
  [{ type: "referrer", action: "deny", hosts: ["192.0.2.1"] }, "/hosts/0", "host name"],
  [{ type: "referrer", action: "deny", hosts: ["a.*.example"] }, "/hosts/0", "host name"],
  [{ type: "user_agent", action: "deny", patterns: ["curl\n"] }, "/patterns/0", "printable"],
  [{ type: "user_agent", action: "deny", patterns: ["größe"] }, "/patterns/0", "printable"],
  [{ type: "user_agent", action: "deny", patterns: ["a*b*c*d*e*f*g*h*i*j"] }, "/patterns/0", "8 *"],
  [{ type: "signed_url" }, "/secrets", "is required"],
  [{ type: "signed_url", action: "deny", secrets: ["0123456789abcdef"] }, "/action", "must be allow"],
  [{ type: "signed_url", secrets: [] }, "/secrets", ">=1"],
  [{ type: "signed_url", secrets: ["short"] }, "/secrets/0", ">=16"],
  [{ type: "signed_url", secrets: ["0123456789abcdeü"] }, "/secrets/0", "printable"],
  [{ type: "signed_url", secrets: Array(3).fill("0123456789abcdef") }, "/secrets", "2 at most"],
  [{ type: "ip", action: "deny", networks: ["192.0.2.1"], paths: ["x"] }, "/paths/0", "begin with"],
])("an access rule %j is refused at %s: %s", (input, pointer, reason) => {
  expect(faultsOfRequest("access_rule", input)).toEqual([{ pointer, detail: expect.stringContaining(reason) }]);
});

test.each<[object, object]>([
  [{ type: "country", action: "deny", countries: ["de", "DE"] }, { countries: ["DE"] }],
  [{ type: "ip", action: "allow", networks: ["192.0.2.1/24", "192.0.2.0/24"] }, { networks: ["192.0.2.0/24"] }],
  // Together they close a path to everybody, which nothing else says.
  [{ type: "ip", action: "deny", networks: ["0.0.0.0/0", "::/0"] }, { networks: ["0.0.0.0/0", "::/0"] }],
  [
    { type: "referrer", action: "allow", hosts: ["*.Bücher.example"] },
    { hosts: ["*.xn--bcher-kva.example"], is_empty_named: true },
  ],
  [{ type: "user_agent", action: "deny", patterns: ["**bot**"] }, { patterns: ["*bot*"] }],
])("an access rule %j is kept with %j", (input, kept) => {
  expect(faultsOfRequest("access_rule", input)).toEqual([]);
  expect(bodyOf("access_rule", input)).toMatchObject(kept);
});

test.each<[object, string, string]>([
  [{ type: "country" }, "/type", "stays so"],
  [{ countries: ["DE"] }, "/countries", "type ip"],
  [{ secrets: ["0123456789abcdef"] }, "/secrets", "type ip"],
])("an access rule of type ip is not patched with %j", (patch, pointer, reason) => {
  const kind = ruleKinds.access_rule;
  const body = bodyOf("access_rule", { type: "ip", action: "deny", networks: ["192.0.2.1"] });
  expect(kind.patchFaultsOf(body, kind.patch.parse(patch))).toEqual([
    { pointer, detail: expect.stringContaining(reason) },
  ]);
});

test("a patch without a type, or with the same, is one of the rule's own fields", () => {
  const kind = ruleKinds.access_rule;
  const body = bodyOf("access_rule", { type: "ip", action: "deny", networks: ["192.0.2.1"] });
  const patch = kind.patch.parse({ type: "ip", networks: ["198.51.100.0/24"], description: "Two" });
  expect(kind.patchFaultsOf(body, patch)).toEqual([]);
  expect(kind.bodyOf(merged(body, patch))).toMatchObject({ networks: ["198.51.100.0/24"], action: "deny" });
});

test.each<[object, string, string]>([
  [{ requests: 0 }, "/requests", ">=1"],
  [{ requests: 1_000_001 }, "/requests", "<=1000000"],
  [{ per_seconds: 0 }, "/per_seconds", ">=1"],
  [{ per_seconds: 3601 }, "/per_seconds", "<=3600"],
  [{ burst: -1 }, "/burst", ">=0"],
  [{ requests: "10" }, "/requests", "expected number"],
  [{ requests: undefined }, "/requests", "is required"],
  [{ paths: "/" }, "/paths", "expected array"],
])("a rate limit with %j is refused at %s: %s", (change, pointer, reason) => {
  expect(faultsOfRequest("rate_limit", { requests: 10, per_seconds: 1, ...change })).toEqual([
    { pointer, detail: expect.stringContaining(reason) },
  ]);
});

test("a merge patch of a cache rule merges what is an object and takes away what is null", () => {
  const kind = ruleKinds.cache_rule;
  const body = bodyOf("cache_rule", {
    ttl_seconds: 60,
    ttl_by_status: { 404: 1, "5xx": 2 },
    query: { mode: "include", names: ["a"] },
  });
  const patch = kind.patch.parse({
    ttl_seconds: null,
    ttl_by_status: { 404: null, 410: 3 },
    query: { names: ["b"] },
  });
  expect(kind.bodyOf(merged(body, patch))).toEqual({
    ...body,
    ttl_seconds: null,
    ttl_by_status: { 410: 3, "5xx": 2 },
    query: { mode: "include", names: ["b"] },
  });
});

test.each<[RuleKindName, object]>([
  ["cache_rule", { extensions: [".JPG", "jpg"], content_types: ["Image/*"], headers: ["Accept-Language"] }],
  ["cache_rule", { query: { mode: "exclude", names: ["utm_source", "a[]", "größe"] } }],
  ["cache_rule", { mode: "bypass", browser_ttl_seconds: 0 }],
  ["cache_rule", { mode: "override", ttl_by_status: { "2xx": 60 }, is_private_overridden: true }],
])("a %s with %j is taken", (name, input) => {
  expect(faultsOfRequest(name, input)).toEqual([]);
});

test("what has several spellings is kept in one", () => {
  expect(
    bodyOf("cache_rule", {
      extensions: [".JPG", "jpg"],
      content_types: ["Image/*"],
      headers: ["Accept-Language"],
      query: { mode: "exclude", names: ["größe", "a[]"] },
    }),
  ).toMatchObject({
    extensions: ["jpg"],
    content_types: ["image/"],
    headers: ["accept-language"],
    query: { names: ["größe", "a[]"] },
  });
});
