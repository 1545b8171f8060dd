// Who is let in: by country, address, referrer, user agent and signature; everybody else gets a 403.
import { createHmac, randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { DesiredAccessRule } from "../edge-templates/index.ts";
import { countryFile } from "./test-country-file.ts";
import { answering, startTestSites, type TestSite, type TestSites } from "./test-site.ts";

let sites: TestSites;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgewright-countries-"));
  const file = join(folder, "countries.mmdb");
  await writeFile(file, countryFile({ "127.0.0.2/32": "DE", "127.0.0.4/30": "BD", "2001:db8::/32": "US" }));
  sites = await startTestSites({ countryFile: file });
});

afterAll(async () => {
  await sites?.stop();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(() => {
  sites.origin.seen.length = 0;
  sites.origin.handle(answering({ "cache-control": "max-age=60" }));
});

const serve = (...accessRules: DesiredAccessRule[]) => sites.serve({ accessRules });
const from = (address: string) => ({ curl: ["--interface", address] });
async function statusesOf(site: TestSite, paths: readonly string[], asked = {}): Promise<number[]> {
  const statuses = [];
  for (const path of paths) statuses.push((await site.ask(path, asked)).status);
  return statuses;
}

test("who is refused gets a short page that names the request, cached or not, and no origin hears of it", async () => {
  const site = await serve({ type: "ip", action: "deny", networks: ["127.0.0.3"], paths: [] });
  await site.ask("/a");
  sites.origin.seen.length = 0;
  for (const curl of [[], ["--data-raw", "a=1"]]) {
    const answer = await site.ask("/a", { curl: ["--interface", "127.0.0.3", ...curl] });
    expect([answer.status, answer.headers["cache-control"]]).toEqual([403, "no-store"]);
    expect(answer.body).toContain(answer.headers["x-request-id"]);
  }
  expect(sites.origin.seen).toEqual([]);
  expect((await site.ask("/a")).headers["x-cache"]).toBe("HIT");
});

test("addresses: deny those that are named, allow no others, for the paths of the rule, and every rule counts", async () => {
  const site = await serve(
    { type: "ip", action: "allow", networks: ["127.0.0.0/29", "2001:db8::/32"], paths: ["/office/*"] },
    { type: "ip", action: "deny", networks: ["127.0.0.3/32"], paths: [] },
  );
  const paths = ["/office/a", "/a"];
  expect(await statusesOf(site, paths)).toEqual([200, 200]);
  expect(await statusesOf(site, paths, from("127.0.0.3"))).toEqual([403, 403]);
  expect(await statusesOf(site, paths, from("127.0.0.9"))).toEqual([403, 200]);
});

test("countries, and those whose country nobody knows", async () => {
  const denied = await serve({ type: "country", action: "deny", countries: ["DE", "US"], paths: [] });
  const allowed = await serve({ type: "country", action: "allow", countries: ["DE", "BD"], paths: [] });
  for (const [address, statuses] of [
    ["127.0.0.2", [403, 200]],
    ["127.0.0.6", [200, 200]],
    ["127.0.0.1", [200, 403]],
  ] as const) {
    const answers = await Promise.all([denied, allowed].map((site) => site.ask("/a", from(address))));
    expect(
      answers.map(({ status }) => status),
      address,
    ).toEqual(statuses);
  }
});

test.each([
  ["https://example.com/page", true],
  ["http://EXAMPLE.com:8080", true],
  ["https://user:pw@example.com/?a", true],
  ["https://a.b.friends.test/", true],
  ["https://friends.test/", false],
  ["https://example.com.evil.test/", false],
  ["https://evil.test/?https://example.com/", false],
  ["https://example.com@evil.test/", false],
  ["https://evil.test\\@example.com/", false],
  ["https://evilfriends.test/", false],
  ["ftp://example.com/", false],
  ["nonsense", false],
])("the referrer %s: named is %s", async (referrer, isNamed) => {
  const rule = { type: "referrer", hosts: ["example.com", "*.friends.test"], isEmptyNamed: true, paths: [] } as const;
  const allowed = await serve({ ...rule, action: "allow" });
  const denied = await serve({ ...rule, action: "deny" });
  const headers = [`Referer: ${referrer}`];
  expect((await allowed.ask("/a", { headers })).status).toBe(isNamed ? 200 : 403);
  expect((await denied.ask("/a", { headers })).status).toBe(isNamed ? 403 : 200);
});

test("no referrer at all counts as named where the rule says so", async () => {
  const rule = { type: "referrer", action: "allow", hosts: ["example.com"], paths: [] } as const;
  expect((await (await serve({ ...rule, isEmptyNamed: true })).ask("/a")).status).toBe(200);
  expect((await (await serve({ ...rule, isEmptyNamed: false })).ask("/a")).status).toBe(403);
});

test("user agents by patterns over the whole, whatever their case", async () => {
  const site = await serve({
    type: "user_agent",
    action: "deny",
    patterns: ["*Bot*", "curl/7.*", "exact (a)"],
    paths: [],
  });
  for (const [agent, status] of [
    ["Mozilla/5.0 (compatible; GOOGLEBOT/2.1)", 403],
    ["CURL/7.88", 403],
    ["my curl/7.88", 200],
    ["Exact (A)", 403],
    ["exact (a)!", 200],
    ["Mozilla/5.0", 200],
    ["", 200],
  ] as const) {
    expect((await site.ask("/a", { headers: [`User-Agent: ${agent}`] })).status, agent).toBe(status);
  }
});

describe("signed URLs", () => {
  const [id, former, unknown] = [randomUUID(), randomUUID(), randomUUID()];
  const key = "correct horse battery staple";
  const time = (seconds: number) =>
    new Date(Date.now() + seconds * 1000)
      .toISOString()
      .replace(/\.\d+Z$/, "")
      .replace(/\D/g, "");
  const digits = (text: string, secret = key) => createHmac("sha1", secret).update(text).digest("hex").slice(0, 20);
  function signed(url: string, { after = -60, before = 60, secret = key, separator = "&" } = {}): string {
    const times = `stime=${time(after)}&etime=${time(before)}`;
    return `${url}${separator}${times}&encoded=0${digits(`${url}&${times}`, secret)}`;
  }
  let site: TestSite;

  beforeAll(async () => {
    await sites.edge.control("PUT", "/secrets", JSON.stringify({ [id]: key, [former]: "the one before" }));
    site = await serve({ type: "signed_url", action: "allow", secretIds: [unknown, id, former], paths: ["/film/*"] });
  });

  test("a URL in its time is let in, and what it is kept as knows nothing of the signature", async () => {
    const paths = [
      signed("/film/a.mp4"),
      signed("/film/a.mp4", { before: 120 }),
      signed("/film/a.mp4", { separator: "?" }),
      signed("/film/a.mp4", { secret: "the one before" }),
      signed("/film/a.mp4")
        .toUpperCase()
        .replace("/FILM/A.MP4", "/film/a.mp4")
        .replace("STIME", "stime")
        .replace("ETIME", "etime")
        .replace("ENCODED", "encoded"),
    ];
    const answers = [];
    for (const path of paths) answers.push(await site.ask(path));
    expect(answers.map(({ status, headers }) => [status, headers["x-cache"]])).toEqual([
      [200, "MISS"],
      [200, "HIT"],
      [200, "HIT"],
      [200, "HIT"],
      [200, "HIT"],
    ]);
    expect(sites.origin.seen.map(({ url }) => url)).toEqual(["/film/a.mp4"]);
  });

  test("a query of its own is signed with it, and goes on to the origin", async () => {
    await site.ask(signed("/film/b.mp4?width=1&a=b"));
    expect(sites.origin.seen.map(({ url }) => url)).toEqual(["/film/b.mp4?width=1&a=b"]);
  });

  test("a POST goes without its signature too", async () => {
    await site.ask(signed("/film/upload"), { curl: ["--data-raw", "a=1"] });
    expect(sites.origin.seen.map(({ method, url }) => [method, url])).toEqual([["POST", "/film/upload"]]);
  });

  test.each([
    ["no signature", () => "/film/a.mp4"],
    ["another key", () => signed("/film/a.mp4", { secret: "guessed" })],
    ["a time that is over", () => signed("/film/a.mp4", { after: -120, before: -60 })],
    ["a time that is to come", () => signed("/film/a.mp4", { after: 60, before: 120 })],
    ["another path", () => signed("/film/a.mp4").replace("a.mp4", "b.mp4")],
    ["another time", () => signed("/film/a.mp4").replace(/etime=\d{4}/, "etime=9999")],
    ["another digit", () => signed("/film/a.mp4").replace(/.$/, (digit) => (digit === "0" ? "1" : "0"))],
    ["fewer digits", () => signed("/film/a.mp4").slice(0, -1)],
    ["something behind it", () => `${signed("/film/a.mp4")}&width=1`],
    ["something before it", () => signed("/film/a.mp4").replace("stime", "width=1&stime")],
    ["another generation", () => signed("/film/a.mp4").replace("encoded=0", "encoded=1")],
    ["a signature of another path than is guarded", () => signed("/free/../film/a.mp4")],
  ])("with %s a URL is refused", async (_, url) => {
    const path = url();
    expect((await site.ask(path)).status).toBe(path.includes("..") ? 400 : 403);
    expect(sites.origin.seen).toEqual([]);
  });

  test("other paths are everybody's, whatever stands behind them", async () => {
    expect((await site.ask("/free")).status).toBe(200);
    const path = signed("/free");
    await site.ask(path);
    expect(sites.origin.seen.map(({ url }) => url)).toEqual(["/free", path]);
  });

  test("an edge that has none of the keys lets nobody in", async () => {
    const locked = await serve({ type: "signed_url", action: "allow", secretIds: [unknown], paths: [] });
    expect((await locked.ask(signed("/a"))).status).toBe(403);
  });
});

test("a prefetch passes the rules of the distribution that it was wanted for, and no others", async () => {
  const closed: Parameters<TestSites["serve"]>[0] = {
    accessRules: [{ type: "ip", action: "deny", networks: ["127.0.0.0/8"], paths: [] }],
    rateLimits: [{ paths: [], requests: 1, perSeconds: 60, burst: 0 }],
  };
  const [site, other] = [await sites.serve(closed), await sites.serve(closed)];
  const { probe_secret: secret } = await sites.edge.state();
  const prefetch = async (path: string, said: string) =>
    (await site.ask(path, { headers: [`X-Edge-Prefetch: ${said}`] })).status;
  expect(await prefetch("/a", `${secret} ${site.distribution.id}`)).toBe(200);
  expect(await prefetch("/b", `${secret} ${site.distribution.id}`)).toBe(200);
  expect(await prefetch("/c", `${secret} ${other.distribution.id}`)).toBe(421);
  const guessed = "0".repeat(secret.length);
  for (const said of [`${guessed} ${site.distribution.id}`, secret, `${secret} `, site.distribution.id]) {
    expect(await prefetch("/d", said), said).toBe(403);
  }
  const open = await sites.serve();
  const headers = [`X-Edge-Prefetch: ${secret} ${site.distribution.id}`];
  expect((await open.ask("/e", { headers })).status).toBe(421);
  expect(sites.origin.seen.map(({ url }) => url)).toEqual(["/a", "/b"]);
});

test("an edge without a country file refuses a document that needs one, and keeps what it had", async () => {
  const blind = await startTestSites();
  try {
    const site = await blind.serve();
    const rule = { type: "country", action: "deny", countries: ["DE"], paths: [] } as const;
    await expect(site.change({ accessRules: [rule] })).rejects.toThrow(/GEOIP_DB/);
    expect((await site.ask("/a")).status).toBe(200);
  } finally {
    await blind.stop();
  }
});
