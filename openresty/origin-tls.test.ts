// TLS to origins through the real nginx: a certificate must be right for its name unless the customer says otherwise, and
// a connection that nobody looked at is never used by those who want to know.
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredDistribution, DesiredOrigin } from "../edge-templates/index.ts";
import { createTestAuthority } from "./test-authority.ts";
import { startTestEdge, type TestEdge } from "./test-edge.ts";
import { aDistribution, anOrigin, createTestFeed } from "./test-feed.ts";
import { startTestOrigin, type TestOrigin } from "./test-origin.ts";
import { ask } from "./test-viewer.ts";

const feed = createTestFeed();
let folder: string;
let edge: TestEdge;
/** Its certificate depends on the name that is asked for. */
let secure: SecureOrigin;
let plain: TestOrigin;

const RIGHT = "right.origin.test";
const WRONG = ["other.origin.test", "expired.origin.test", "stranger.origin.test"] as const;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgewright-roots-"));
  const [known, stranger] = await Promise.all([createTestAuthority("Known"), createTestAuthority("Stranger")]);
  const roots = join(folder, "roots.pem");
  await writeFile(roots, known.certificate);
  secure = await startSecureOrigin({
    [RIGHT]: await known.issue([RIGHT]),
    "other.origin.test": await known.issue([RIGHT]),
    "expired.origin.test": await known.issue(["expired.origin.test"], { expired: true }),
    "stranger.origin.test": await stranger.issue(["stranger.origin.test"]),
  });
  plain = await startTestOrigin();
  edge = await startTestEdge({ state: { trust: feed.trust }, originRoots: roots });
});

afterAll(async () => {
  await Promise.all([edge?.stop(), secure?.stop(), plain?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

interface SecureOrigin {
  readonly port: number;
  /** The name in each handshake, in order. */
  readonly handshakes: string[];
  readonly requests: string[];
  stop(): Promise<void>;
}

async function startSecureOrigin(
  certificates: Readonly<Record<string, { key: string; cert: string }>>,
): Promise<SecureOrigin> {
  const handshakes: string[] = [];
  const requests: string[] = [];
  const server = createServer(
    {
      ...certificates[RIGHT],
      SNICallback: (name, done) => {
        handshakes.push(name);
        done(null, createSecureContext(certificates[name] ?? certificates[RIGHT]));
      },
    },
    (request, response) => {
      requests.push(request.headers.host ?? "");
      response.setHeader("cache-control", "no-store");
      response.end("over TLS");
    },
  );
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the origin does not listen on a port");
  const { port } = address;
  return {
    ...{ port, handshakes, requests },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function serve(
  host: string,
  origins: readonly Partial<DesiredOrigin>[],
  fields: Partial<DesiredDistribution> = {},
): Promise<void> {
  const whole = origins.map((fields) =>
    anOrigin({ scheme: "https", port: secure.port, host: "origin.test", hostHeader: host, ...fields }),
  );
  await edge.pin(Object.fromEntries(whole.map((origin) => [`${origin.host}:${origin.port}`, ["127.0.0.1"]])));
  const { body } = await edge.apply([feed.put(aDistribution({ hosts: [host], origins: whole, ...fields }))]);
  expect(body).toMatchObject({ refused: [] });
}

test("a right certificate is taken, on both hops", async () => {
  await serve("right.test", [{ sni: RIGHT }]);
  expect((await ask(edge, { host: "right.test", path: "/" })).body).toBe("over TLS");
  expect((await ask(edge, { host: "right.test", path: "/", curl: ["--data-raw", "a=1"] })).body).toBe("over TLS");
});

test.each(WRONG)("a wrong one (%s) is a 502, and the request never leaves the edge", async (sni) => {
  const host = `wrong-${sni.split(".")[0]}.test`;
  await serve(host, [{ sni }]);
  expect((await ask(edge, { host, path: "/" })).status).toBe(502);
  expect((await ask(edge, { host, path: "/", curl: ["--data-raw", "a=1"] })).status).toBe(502);
  expect(secure.requests).not.toContain(host);
});

test.each(WRONG)("with verification off it (%s) is taken, without a reload", async (sni) => {
  const host = `any-${sni.split(".")[0]}.test`;
  await serve(host, [{ sni, isTlsVerified: false }]);
  expect((await ask(edge, { host, path: "/" })).body).toBe("over TLS");
  expect((await ask(edge, { host, path: "/", curl: ["--data-raw", "a=1"] })).body).toBe("over TLS");
});

test("a kept connection that was not verified is never used by who verifies", async () => {
  const [sni] = WRONG;
  await serve("careless.test", [{ sni, isTlsVerified: false }]);
  await serve("careful.test", [{ sni, isTlsVerified: true }]);
  for (let turn = 1; turn <= 3; turn += 1) {
    const careless = await ask(edge, { host: "careless.test", path: `/${turn}` });
    const careful = await ask(edge, { host: "careful.test", path: `/${turn}` });
    expect([careless.status, careful.status]).toEqual([200, 502]);
  }
});

test("a customer's change of mind holds at once", async () => {
  const [sni] = WRONG;
  const origin = anOrigin({ scheme: "https", port: secure.port, host: "origin.test", hostHeader: "mind.test", sni });
  const distribution = aDistribution({ hosts: ["mind.test"], origins: [{ ...origin, isTlsVerified: false }] });
  await edge.apply([feed.put(distribution)]);
  expect((await ask(edge, { host: "mind.test", path: "/" })).status).toBe(200);
  await edge.apply([feed.put({ ...distribution, origins: [origin] })]);
  expect((await ask(edge, { host: "mind.test", path: "/" })).status).toBe(502);
  await edge.apply([feed.put({ ...distribution, origins: [{ ...origin, isTlsVerified: false }] })]);
  expect((await ask(edge, { host: "mind.test", path: "/" })).status).toBe(200);
});

test("verified connections are kept", async () => {
  await serve("kept.test", [{ sni: RIGHT, host: "kept.origin.test" }]);
  const before = secure.handshakes.length;
  for (let turn = 1; turn <= 5; turn += 1) await ask(edge, { host: "kept.test", path: `/${turn}` });
  expect(secure.handshakes.length - before).toBe(1);
});

test.each([
  ["verified", "unverified", RIGHT, WRONG[0]],
  ["unverified", "verified", WRONG[0], RIGHT],
] as const)("when the %s server fails, the %s one is asked", async (first, second, firstSni, secondSni) => {
  const host = `${first}-first.test`;
  await serve(host, [
    { sni: firstSni, isTlsVerified: first === "verified", host: "dead.test", port: 1, primary: true },
    { sni: secondSni, isTlsVerified: second === "verified", host: "alive.test", primary: false },
  ]);
  expect((await ask(edge, { host, path: "/" })).body).toBe("over TLS");
});

test("three servers that must be asked in different ways are asked in turn, and the last answers", async () => {
  plain.handle((_, response) => response.end("plain"));
  await serve("three.test", [
    { sni: WRONG[0], isTlsVerified: true, host: "one.test", primary: true },
    { sni: RIGHT, isTlsVerified: false, host: "two.test", port: 1, primary: false },
    { scheme: "http", host: "three.origin.test", port: plain.port, primary: false },
  ]);
  expect((await ask(edge, { host: "three.test", path: "/" })).body).toBe("plain");
});

test("header rules are written once, however many servers are asked", async () => {
  plain.seen.length = 0;
  plain.handle((_, response) => response.end("plain"));
  const rule = { paths: [], phase: "request", action: "add", name: "x-note", value: "once" } as const;
  const origins = [
    { sni: WRONG[0], isTlsVerified: true, host: "one.test", primary: true },
    { sni: RIGHT, isTlsVerified: false, host: "two.test", port: 1, primary: false },
    { scheme: "http", host: "three.origin.test", port: plain.port, primary: false },
  ] as const;
  await serve("rules.test", origins, { headerRules: [rule] });
  expect((await ask(edge, { host: "rules.test", path: "/" })).body).toBe("plain");
  expect(plain.seen[0]?.headers["x-note"]).toBe("once");
});

test("when all fail, the viewer gets one short page", async () => {
  await serve("all.test", [
    { sni: WRONG[0], isTlsVerified: true, host: "one.test", primary: true },
    { sni: RIGHT, isTlsVerified: false, host: "two.test", port: 1, primary: false },
    { sni: WRONG[1], isTlsVerified: true, host: "three.test", primary: false },
  ]);
  const answer = await ask(edge, { host: "all.test", path: "/" });
  expect([answer.status, answer.headers["cache-control"]]).toEqual([502, "no-store"]);
  expect(answer.body).toContain(answer.headers["x-request-id"]);
});
