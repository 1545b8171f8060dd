// The door of the compiler: the same desired state gives the same bytes, and what cannot be put on an edge is refused
// with the field and the reason.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "./canonical-json.ts";
import {
  CompileRefusal,
  compileDocument,
  compileStructure,
  type DesiredAccessRule,
  type DesiredBucket,
  type DesiredCacheRule,
  type DesiredCors,
  type DesiredHeaderRule,
  type DesiredHealthCheck,
  type DesiredOrigin,
} from "./index.ts";
import { exampleCacheRule, exampleDistribution, exampleGroup } from "./test-examples.ts";

const [origin] = exampleDistribution.origins;
if (origin === undefined) throw new Error("the example has an origin");
const withOrigin = (fields: Partial<DesiredOrigin>) => ({
  ...exampleDistribution,
  origins: [{ ...origin, ...fields }],
});
const check: DesiredHealthCheck = {
  ...{ path: "/up", intervalSeconds: 10, timeoutSeconds: 2, healthyAfter: 2, unhealthyAfter: 3 },
  statuses: [{ from: 200, to: 299 }],
};
const bucket: DesiredBucket = {
  ...{ name: "files", region: "eu-central-1", style: "virtual", accessKeyId: "AKIA" },
  secretId: "1c7a0f0e-5a53-4d5e-9a5e-6a1f4f0c2a13",
};
const withRule = (fields: Partial<DesiredCacheRule>) => ({
  ...exampleDistribution,
  cacheRules: [{ ...exampleCacheRule, ...fields }],
});
const withHeader = (fields: Partial<DesiredHeaderRule>) => ({
  ...exampleDistribution,
  headerRules: [{ paths: [], phase: "response" as const, action: "set" as const, name: "x-a", value: "b", ...fields }],
});
const withCors = (fields: Partial<DesiredCors>) => ({
  ...exampleDistribution,
  cors: {
    allowOrigins: ["https://app.example.com"],
    allowMethods: ["GET"],
    allowHeaders: [],
    exposeHeaders: [],
    maxAgeSeconds: 60,
    allowCredentials: false,
    ...fields,
  },
});
const withAccess = (rule: DesiredAccessRule) => ({ ...exampleDistribution, accessRules: [rule] });
const common = { paths: [], action: "deny" as const };

describe("a document", () => {
  test("has the SHA-256 of its bytes", () => {
    const { body, hash } = compileDocument(exampleDistribution);
    expect(hash).toBe(createHash("sha256").update(body, "utf8").digest("hex"));
  });

  test("is the same for the same distribution, however it is written down", () => {
    const { hosts: _, ...rest } = exampleDistribution;
    const one = compileDocument({ ...rest, hosts: ["b.example", "a.example", "a.example"] });
    const other = compileDocument({ hosts: ["a.example", "b.example"], ...rest });
    expect(one).toEqual(other);
  });

  test.each([
    ["no host", { ...exampleDistribution, hosts: [] }, "hosts"],
    ["a host in upper case", { ...exampleDistribution, hosts: ["Example.com"] }, "hosts/0"],
    ["a host with a port", { ...exampleDistribution, hosts: ["example.com:80"] }, "hosts/0"],
    ["a wildcard in the middle", { ...exampleDistribution, hosts: ["a.*.example.com"] }, "hosts/0"],
    ["no origin", { ...exampleDistribution, origins: [] }, "origin/servers"],
    ["a line feed in a Host header", withOrigin({ hostHeader: "a\r\nX: y" }), "origin/servers/0/host_header"],
    ["a blank in an SNI", withOrigin({ sni: "a b" }), "origin/servers/0/sni"],
    ["port 0", withOrigin({ port: 0 }), "origin/servers/0/port"],
    ["a weight of nothing", withOrigin({ weight: 0 }), "origin/servers/0/weight"],
    ["no time to connect", withOrigin({ connectTimeoutSeconds: 0 }), "origin/servers/0/connect_timeout"],
    ["a check of no path", withOrigin({ healthCheck: { ...check, path: "up" } }), "origin/servers/0/check/path"],
    ["a check of nothing", withOrigin({ healthCheck: { ...check, statuses: [] } }), "origin/servers/0/check/statuses"],
    ["a bucket of a bucket", withOrigin({ bucket: { ...bucket, name: "a/b" } }), "origin/servers/0/bucket/name"],
    [
      "a blank in a key",
      withOrigin({ bucket: { ...bucket, accessKeyId: "a b" } }),
      "origin/servers/0/bucket/access_key_id",
    ],
    ["a path that no edge serves", withRule({ paths: ["/a", "/a/../b"] }), "cache/rules/0/paths/1"],
    ["a path with a blank", withRule({ paths: ["/a b"] }), "cache/rules/0/paths/0"],
    ["an extension with a dot", withRule({ extensions: [".css"] }), "cache/rules/0/extensions/0"],
    ["a line feed in a header", withHeader({ value: "a\r\nX: y" }), "headers/response/0/value"],
    ["a NUL in a header", withHeader({ value: "a\0" }), "headers/response/0/value"],
    ["a blank around a header", withHeader({ value: " a" }), "headers/response/0/value"],
    ["a header without a value", withHeader({ value: "" }), "headers/response/0/value"],
    ["a colon in a header's name", withHeader({ name: "x:" }), "headers/response/0/name"],
    ["a header in upper case", withHeader({ name: "X-A" }), "headers/response/0/name"],
    ["a line break in a header's name", withHeader({ name: "x-a\r\nx-b" }), "headers/response/0/name"],
    ["no CORS origin", withCors({ allowOrigins: [] }), "cors/origins"],
    ["a CORS origin with a path", withCors({ allowOrigins: ["https://a.example/b"] }), "cors/origins/0"],
    ["a CORS origin with a line feed", withCors({ allowOrigins: ["https://a.example\n"] }), "cors/origins/0"],
    ["a CORS header with a line feed", withCors({ exposeHeaders: ["a\r\nb"] }), "cors/expose/0"],
    ["a CORS method with a comma", withCors({ allowMethods: ["GET,PUT"] }), "cors/methods/0"],
    ["credentials for everybody", withCors({ allowOrigins: ["*"], allowCredentials: true }), "cors/credentials"],
    ["everybody and one more", withCors({ allowOrigins: ["*", "https://a.example"] }), "cors/origins"],
    [
      "a limit of nothing",
      { ...exampleDistribution, rateLimits: [{ paths: [], requests: 0, perSeconds: 1, burst: 0 }] },
      "limits/0/requests",
    ],
    [
      "a country of three letters",
      withAccess({ ...common, type: "country", countries: ["DEU"] }),
      "access/0/countries/0",
    ],
    ["nobody's country", withAccess({ ...common, type: "country", countries: [] }), "access/0/countries"],
    ["a network of too many bits", withAccess({ ...common, type: "ip", networks: ["::/129"] }), "access/0/networks/0"],
    ["an address that is none", withAccess({ ...common, type: "ip", networks: ["1.2.3"] }), "access/0/networks/0"],
    [
      "a referrer with a path",
      withAccess({ ...common, type: "referrer", hosts: ["a.example/b"], isEmptyNamed: true }),
      "access/0/hosts/0",
    ],
    [
      "a user agent with a line feed",
      withAccess({ ...common, type: "user_agent", patterns: ["a\n"] }),
      "access/0/patterns/0",
    ],
    ["a signature without a key", withAccess({ ...common, type: "signed_url", secretIds: [] }), "access/0/secrets"],
    ["a negative time", withRule({ ttlSeconds: -1 }), "cache/rules/0/ttl"],
  ])("with %s is refused", (_, distribution, field) => {
    expect(() => compileDocument(distribution)).toThrow(CompileRefusal);
    expect(() => compileDocument(distribution)).toThrow(expect.objectContaining({ field, reason: expect.any(String) }));
  });

  test.each([
    ...["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-authorization", "host"],
    ...["content-length", "content-encoding", "content-range", "date", "age", "via", "forwarded", "x-forwarded-for"],
    ...["x-real-ip", "cdn-loop", "x-request-id", "x-cache", "cache-status", "x-edge-hop", "x-accel-expires"],
    ...["x-accel-redirect", "alt-svc", "expect"],
  ])("writes no %s, whichever way", (name) => {
    for (const phase of ["request", "response"] as const) {
      for (const action of ["set", "add", "remove"] as const) {
        expect(() => compileDocument(withHeader({ phase, action, name }))).toThrow(
          expect.objectContaining({ field: `headers/${phase}/0/name` }),
        );
      }
    }
  });

  test.each(["range", "if-none-match", "if-range", "accept-encoding"])("asks no %s of an origin", (name) => {
    expect(() => compileDocument(withHeader({ phase: "request", name }))).toThrow(CompileRefusal);
    expect(() => compileDocument(withRule({ headers: [name] }))).toThrow(CompileRefusal);
  });

  test.each([
    ["another host without a scheme", { target: "//evil.example/" }, "target"],
    ["a backslash", { target: "/\\evil.example" }, "target"],
    ["a line feed", { target: "/a\r\nSet-Cookie: a=b" }, "target"],
    ["a blank", { target: "/a b" }, "target"],
    ["a script", { target: "javascript:alert(1)" }, "target"],
    ["a host that viewers could add to", { source: "/a*", target: "https://example.com:splat/" }, "target"],
    ["a host without its slash", { source: "/a*", target: "https://example.com" }, "target"],
    ["a user", { target: "https://user@example.com/" }, "target"],
    [":splat without a star", { target: "/b/:splat" }, "target"],
    ["a star in the middle", { source: "/a*b" }, "source"],
    ["a source that is no path", { source: "*" }, "source"],
  ])("redirects to nowhere with %s", (_, fields, field) => {
    const redirects = [{ source: "/a", target: "/b", status: 301 as const, isQueryKept: true, ...fields }];
    expect(() => compileDocument({ ...exampleDistribution, redirects })).toThrow(
      expect.objectContaining({ field: `redirects/0/${field}` }),
    );
  });

  test("that grows too large is refused", () => {
    const hosts = Array.from(
      { length: 100 },
      (_, index) => `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(50)}.h${index}.example`,
    );
    const origins = Array.from({ length: 20 }, () => ({
      ...origin,
      hostHeader: "h".repeat(250),
      sni: "s".repeat(250),
      host: "o".repeat(250),
    }));
    expect(() => compileDocument({ ...exampleDistribution, hosts, origins })).toThrow(/compiles to \d+ bytes/);
  });
});

describe("a structure", () => {
  test("uses what all nodes can do and the operator wants", () => {
    const withModules = (modules: { brotli: boolean; http3: boolean }) =>
      compileStructure({ ...exampleGroup, settings: { ...exampleGroup.settings, modules } }).body;
    expect(withModules({ brotli: true, http3: true })).toMatch(/brotli on;[\s\S]*quic reuseport/);
    const without = withModules({ brotli: false, http3: false });
    for (const word of ["brotli", "quic reuseport", "h3="]) expect(without).not.toContain(word);
  });

  test("names its files, its taste and where the agent finds its listeners", () => {
    const structure = JSON.parse(compileStructure(exampleGroup).body);
    expect(structure).toMatchObject({ format: 1, group: exampleGroup.id });
    expect(structure.files.map(({ path }: { path: string }) => path)).toEqual([
      ...[
        "nginx.conf",
        "memory.conf",
        "tls.conf",
        "cache.conf",
        "log.conf",
        "compression.conf",
        "outer.conf",
        "listeners.conf",
        "cached.conf",
      ],
      ...["viewer.conf", "inner.conf", "origin.conf", "origin-verified.conf", "pass.conf"],
      ...["children.conf", "children-listener.conf", "parent.conf", "control.conf"],
    ]);
    expect(structure.taste.map(({ path }: { path: string }) => path)).toEqual([
      "listeners.conf",
      "children-listener.conf",
    ]);
    expect(structure.probe).toEqual({
      own_name: "localhost",
      http: { host: "127.0.0.1", port: 80 },
      https: { host: "127.0.0.1", port: 443 },
      children: null,
    });
  });

  test("tastes on no real port", () => {
    const structure = JSON.parse(compileStructure(exampleGroup).body);
    const listens = structure.taste[0].text.match(/^listen .*/gm);
    expect(listens).toEqual(["listen unix:run/taste-http.sock;", "listen unix:run/taste-https.sock ssl;"]);
  });

  test.each([["default"], ["include"], ["a;b.example"], ["A.example"], ["*.example"], [""]])(
    "with the own name %j is refused",
    (name) => {
      expect(() => compileStructure({ ...exampleGroup, ownNames: ["localhost", name] })).toThrow(
        expect.objectContaining({ name: "CompileRefusal", field: "ownNames/1" }),
      );
    },
  );

  test("without an own name is refused", () => {
    expect(() => compileStructure({ ...exampleGroup, ownNames: [] })).toThrow(CompileRefusal);
  });
});

test("canonical JSON sorts keys, leaves out what is undefined, and takes whole numbers only", () => {
  expect(canonicalJson({ b: [1, { d: null, c: "x" }], a: undefined, A: true })).toBe(
    '{"A":true,"b":[1,{"c":"x","d":null}]}',
  );
  expect(() => canonicalJson({ a: 1.5 })).toThrow(TypeError);
});
