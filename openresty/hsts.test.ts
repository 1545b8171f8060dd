// HSTS: told over HTTPS, behind a certificate for the name, on every answer, and to nobody else.
import { afterAll, beforeAll, expect, test } from "vitest";
import { aCertificate, createViewersAuthority, show } from "./test-certificates.ts";
import { answering, startTestSites, type TestSite, type TestSites } from "./test-site.ts";
import { type Asked, ask } from "./test-viewer.ts";

const HSTS = "max-age=31536000; includeSubDomains";
const { issue } = createViewersAuthority();
const hsts = { maxAgeSeconds: 31_536_000, includeSubdomains: true, preload: false };
let sites: TestSites;
let site: TestSite;

beforeAll(async () => {
  sites = await startTestSites();
  site = await sites.serve({
    ...{ hosts: ["site.test", "bare.test"], hsts },
    redirects: [{ source: "/old", target: "/new", status: 301, isQueryKept: false }],
    accessRules: [{ type: "user_agent", action: "deny", patterns: ["bad"], paths: [] }],
  });
  sites.origin.handle(answering({ "cache-control": "max-age=60" }));
  const names = ["site.test"];
  await show(sites.edge, sites.feed, aCertificate({ accountId: site.distribution.accountId, names }, issue({ names })));
});

afterAll(async () => {
  await sites?.stop();
});

const told = async (path: string, asked: Partial<Asked> = {}) => {
  const { status, lines } = await ask(sites.edge, { host: "site.test", path, https: true, ...asked });
  return {
    status,
    hsts: lines.filter((line) => /^strict-transport-security:/i.test(line)).map((line) => line.slice(27)),
  };
};

test.each(["1.1", "2", "3"] as const)(
  "HTTP/%s tells it on answers of the origin, of the cache and of the edge",
  async (version) => {
    const path = `/${version}`;
    expect(await told(path, { version })).toEqual({ status: 200, hsts: [HSTS] });
    expect(await told(path, { version })).toEqual({ status: 200, hsts: [HSTS] });
    expect(await told("/", { version, curl: ["-X", "POST"] })).toEqual({ status: 200, hsts: [HSTS] });
    expect(await told("/old", { version })).toEqual({ status: 301, hsts: [HSTS] });
    expect(await told("/", { version, headers: ["User-Agent: bad"] })).toEqual({ status: 403, hsts: [HSTS] });
  },
);

test("over plain HTTP nobody is told", async () => {
  expect(await told("/", { https: false })).toEqual({ status: 200, hsts: [] });
  expect(await told("/old", { https: false })).toEqual({ status: 301, hsts: [] });
});

test("behind the fallback certificate nobody is told, for it would lock viewers out", async () => {
  const { status, headers } = await ask(sites.edge, { host: "bare.test", path: "/", https: true });
  expect(status).toBe(200);
  expect(headers).not.toHaveProperty("strict-transport-security");
  // Nor behind a certificate that is not the host's.
  const other = await ask(sites.edge, { host: "site.test", path: "/", https: true, headers: ["Host: bare.test"] });
  expect(other.status).toBe(200);
  expect(other.headers).not.toHaveProperty("strict-transport-security");
});

test("the customer's word takes the place of the origin's, which passes where there is none", async () => {
  sites.origin.handle(answering({ "strict-transport-security": "max-age=1", "cache-control": "no-store" }));
  expect(await told("/own")).toEqual({ status: 200, hsts: [HSTS] });
  await site.change({ hsts: null });
  expect(await told("/own")).toEqual({ status: 200, hsts: ["max-age=1"] });
  await site.change({ hsts: { ...hsts, maxAgeSeconds: 0, includeSubdomains: false } });
  expect(await told("/own")).toEqual({ status: 200, hsts: ["max-age=0"] });
});
