// Answers to HTTP-01 challenges, on the newest and on the oldest nginx: for every host, at every door, before anything that a
// customer can set; and nothing is given away by it.
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessLogLineSchema, CHALLENGE_PATH, type ChallengeBody, type FeedRecord } from "../agents/contract.ts";
import type { DesiredDistribution } from "../edge-templates/index.ts";
import { oldestTestNginx } from "../platform/embedded/test-services.ts";
import { aDistribution, createTestFeed } from "./test-feed.ts";
import { answering, startTestSites, type TestSites } from "./test-site.ts";
import { type Asked, ask } from "./test-viewer.ts";

let newest: TestSites;
let oldest: TestSites;

beforeAll(async () => {
  newest = await startTestSites();
  oldest = await startTestSites({ nginx: await oldestTestNginx() });
});

afterAll(async () => {
  await Promise.all([newest?.stop(), oldest?.stop()]);
});

const bodyOf = (token: string): string =>
  JSON.stringify({ format: 1, token, key_authorization: `${token}.thumb` } satisfies ChallengeBody);
/** As a certificate authority chooses them. */
const newToken = () => `${randomUUID()}_${randomUUID()}`;

describe.each(["newest", "oldest"] as const)("the %s nginx", (which) => {
  const sites = () => (which === "newest" ? newest : oldest);
  const versions = which === "newest" ? (["1.1", "2", "3"] as const) : (["1.1", "2"] as const);
  const askFor = (token: string, asked: Omit<Asked, "path">) =>
    ask(sites().edge, { path: `${CHALLENGE_PATH}${token}`, ...asked });

  async function challenge(token = newToken()): Promise<{ token: string; record: FeedRecord }> {
    const record = sites().feed.putBody(randomUUID(), bodyOf(token), "challenge");
    expect((await sites().edge.apply([record])).body).toMatchObject({ refused: [] });
    return { token, record };
  }

  test("is answered over HTTP and HTTPS, by GET and HEAD, as text that nobody keeps", async () => {
    const { host } = await sites().serve();
    const { token } = await challenge();
    for (const asked of [{}, ...versions.map((version) => ({ version, https: true }))]) {
      const answer = await askFor(token, { host, ...asked });
      expect([answer.status, answer.body]).toEqual([200, `${token}.thumb`]);
      expect(answer.headers).toMatchObject({ "content-type": "text/plain", "cache-control": "no-store" });
    }
    const head = await askFor(token, { host, curl: ["--head"] });
    expect([head.status, head.headers["content-length"], head.body]).toEqual([200, `${token.length + 6}`, ""]);
  });

  test("is answered whatever the host is: unknown, disabled, without HTTPS, moved, closed or limited", async () => {
    const { token } = await challenge();
    const fieldsOfHosts: readonly Partial<DesiredDistribution>[] = [
      { isDisabled: true },
      { redirectHttpToHttps: true },
      { http2: false, http3: false, https: false },
      { accessRules: [{ type: "ip", action: "deny", networks: ["127.0.0.0/8"], paths: [] }] },
      { accessRules: [{ type: "signed_url", action: "allow", secretIds: [randomUUID()], paths: [] }] },
      { redirects: [{ source: "/*", target: "https://other.test/:splat", status: 301, isQueryKept: true }] },
      { rateLimits: [{ paths: [], requests: 1, perSeconds: 3600, burst: 0 }] },
    ];
    for (const fields of fieldsOfHosts) {
      const { host } = await sites().serve(fields);
      for (const turn of [1, 2, 3]) {
        const answer = await askFor(token, { host, https: turn === 3 });
        expect([answer.status, answer.body], JSON.stringify(fields)).toEqual([200, `${token}.thumb`]);
      }
    }
    for (const host of ["unknown.test", "127.0.0.1", "localhost", "UPPER.test", "xn--bcher-kva.test"]) {
      for (const https of [false, true]) expect((await askFor(token, { host, https })).body).toBe(`${token}.thumb`);
    }
  });

  test("of an unknown token goes on to whom the host belongs to, and to nobody else", async () => {
    sites().origin.handle(answering({ "cache-control": "max-age=60" }));
    const { host } = await sites().serve();
    const [first, moved] = [newToken(), await sites().serve({ redirectHttpToHttps: true })];
    expect((await askFor(first, { host })).body).toBe(`GET ${CHALLENGE_PATH}${first}`);
    expect((await askFor(first, { host: moved.host })).status).toBe(301);
    expect((await askFor(first, { host: "unknown.test" })).status).toBe(421);
    // What was stored of the origin's answer is not in the way, and comes back.
    const { record } = await challenge(first);
    expect((await askFor(first, { host })).body).toBe(`${first}.thumb`);
    await sites().edge.apply([sites().feed.remove(record.id, "challenge")]);
    expect((await askFor(first, { host })).headers["x-cache"]).toBe("HIT");
    const { token } = await challenge();
    expect((await askFor(token, { host, curl: ["--data-raw", "x=1"] })).body).toBe(`POST ${CHALLENGE_PATH}${token}`);
  });

  test("of a hostile token is no answer of ours, and no header, line or file of ours comes of it", async () => {
    sites().origin.handle(answering({ "cache-control": "no-store" }));
    const { host } = await sites().serve();
    const { token } = await challenge();
    const hostile = [
      ...[
        "",
        ".",
        "..",
        "../",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        `${token}%00`,
        `${token}%0d%0aX-Evil:%201`,
        `${token}/`,
      ],
      ...[
        `/${token}`,
        `${token}.`,
        `${token}%20`,
        token.toUpperCase(),
        token.slice(1),
        `${token}a`,
        "*",
        "$host",
        "%24host",
      ],
      ...[
        "a".repeat(129),
        "a".repeat(8000),
        "<script>alert(1)</script>",
        "%3Cscript%3E",
        "'%20OR%201=1",
        "loaded",
        "r|x",
        "t|x",
      ],
    ];
    for (const one of hostile) {
      const answers = [await askFor(one, { host }), await askFor(one, { host: "unknown.test", https: true })];
      for (const { body, headers } of answers) {
        expect(body, one).not.toContain(`${token}.thumb`);
        expect(headers["x-evil"], one).toBeUndefined();
      }
    }
    expect((await askFor(`${token}?x=1`, { host })).body).toBe(`${token}.thumb`);
    expect(await sites().edge.errorLog()).not.toMatch(/challenges\.lua|lua entry thread aborted/);
  });

  test("is refused when it is none, and the refusal names the field", async () => {
    const { token } = await challenge();
    for (const [body, field] of [
      ["", "not JSON"],
      ['{"format":2}', "format"],
      [bodyOf("a/b"), "token"],
      [bodyOf("a".repeat(129)), "token"],
      [JSON.stringify({ format: 1, token, key_authorization: "a\r\nb" }), "key_authorization"],
    ] as const) {
      const record = sites().feed.putBody(randomUUID(), body, "challenge");
      const { body: reply } = await sites().edge.apply([record]);
      expect(reply).toMatchObject({ refused: [{ kind: "challenge", id: record.id, stage: "push" }] });
      expect(JSON.stringify(reply)).toContain(field);
    }
    expect((await askFor(token, { host: "unknown.test" })).body).toBe(`${token}.thumb`);
  });

  test("holds over a reload and a restart, and over a refused neighbour in the same push", async () => {
    const token = newToken();
    const records = [
      sites().feed.putBody(randomUUID(), "{", "document"),
      sites().feed.putBody(randomUUID(), bodyOf(token), "challenge"),
    ];
    await sites().edge.apply(records);
    expect((await askFor(token, { host: "unknown.test" })).body).toBe(`${token}.thumb`);
    await sites().edge.reload();
    expect((await askFor(token, { host: "unknown.test" })).body).toBe(`${token}.thumb`);
    await sites().edge.writeState({ trust: sites().feed.trust, base: sites().feed.checkpoint(records) });
    await sites().edge.restart();
    expect((await askFor(token, { host: "unknown.test" })).body).toBe(`${token}.thumb`);
  });
});

test("is a line in the log of a customer whose host was asked, like any other, but not while that one is cut off", async () => {
  const feed = createTestFeed();
  const { edge, origin, stop } = await startTestSites();
  try {
    const [token, served] = [
      newToken(),
      aDistribution({ originPort: origin.port, hosts: ["logged.test"], isDisabled: true }),
    ];
    const cutOff = aDistribution({
      ...{ originPort: origin.port, hosts: ["cut-off.test"] },
      ...{ isDisabled: true, isOverQuota: true },
    });
    await edge.apply([feed.put(served), feed.put(cutOff), feed.putBody(randomUUID(), bodyOf(token), "challenge")]);
    for (const host of ["nobody.test", "cut-off.test"]) {
      expect((await ask(edge, { host, path: `${CHALLENGE_PATH}${token}` })).status).toBe(200);
    }
    await ask(edge, { host: "logged.test", path: `${CHALLENGE_PATH}${token}?secret=1` });
    const log = () => readFile(join(edge.home, "logs", "access.log"), "utf8");
    await expect.poll(log, { timeout: 10_000 }).not.toBe("");
    const lines = (await log())
      .trim()
      .split("\n")
      .map((line) => accessLogLineSchema.parse(JSON.parse(line)));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      ...{ account: served.accountId, distribution: served.id, host: "logged.test", method: "GET", status: 200 },
      ...{ path: `${CHALLENGE_PATH}${token}`, cache_status: "NONE", origin_ms: null },
    });
  } finally {
    await stop();
  }
});
