// Active checks through the real nginx: who is ill is not asked, who is well again is, and somebody always looks.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, type TestContext, test } from "vitest";
import { z } from "zod";
import type { DesiredHealthCheck, DesiredOrigin } from "../edge-templates/index.ts";
import { startTestEdge, type TestEdge } from "./test-edge.ts";
import { aDistribution, anOrigin, createTestFeed } from "./test-feed.ts";
import { type Handler, startTestOrigin, type TestOrigin } from "./test-origin.ts";
import { ask } from "./test-viewer.ts";

const feed = createTestFeed();
let edge: TestEdge;

const CHECK_PATH = "/up?deep=1";
const check: DesiredHealthCheck = {
  ...{ path: CHECK_PATH, intervalSeconds: 1, timeoutSeconds: 1, healthyAfter: 2, unhealthyAfter: 2 },
  statuses: [{ from: 200, to: 299 }],
};
const originsSchema = z.array(
  z.object({
    id: z.string(),
    ill: z.boolean(),
    addresses: z.array(z.object({ address: z.string(), out: z.boolean() })),
  }),
);

beforeAll(async () => {
  edge = await startTestEdge({ state: { trust: feed.trust }, workers: 2 });
});

afterAll(async () => {
  await edge?.stop();
});

/** Two servers of a test's own. */
async function startPair(finished: TestContext["onTestFinished"] = onTestFinished) {
  const [first, second] = await Promise.all([startTestOrigin(), startTestOrigin()]);
  first.handle(saying("first", 200));
  second.handle(saying("second", 200));
  finished(async () => void (await Promise.all([first.stop(), second.stop()])));
  return { first, second };
}

interface Pair {
  readonly first: TestOrigin;
  readonly second: TestOrigin;
}

/** Answers viewers, and the check with this status. */
function saying(name: string, checkStatus: number): Handler {
  return ({ url }, response) => {
    response.writeHead(url === CHECK_PATH ? checkStatus : 200, { "cache-control": "no-store" }).end(name);
  };
}

async function serve({ first, second }: Pair, host: string, fields: Partial<DesiredOrigin> = {}) {
  const origins = [
    anOrigin({ host: `one.${host}`, port: first.port, hostHeader: "one.example", healthCheck: check, ...fields }),
    anOrigin({ host: `two.${host}`, port: second.port, primary: false }),
  ];
  await edge.pin(Object.fromEntries(origins.map((origin) => [`${origin.host}:${origin.port}`, ["127.0.0.1"]])));
  const distribution = aDistribution({ hosts: [host], origins });
  const { body } = await edge.apply([feed.put(distribution)]);
  expect(body).toMatchObject({ refused: [] });
  return distribution;
}

async function healthOf(distributionId: string): Promise<boolean[]> {
  const { body } = await edge.control("GET", `/origins?id=${distributionId}`);
  return originsSchema.parse(body).map(({ ill }) => ill);
}

const WITHIN = { timeout: 20_000, interval: 50 };

// Beside each other: a check is made once a second, so each of these waits most of its time.
describe.concurrent("at the same edge", () => {
  test("who fails its checks is not asked, and is asked again when it passes them", async ({
    expect,
    onTestFinished,
  }) => {
    const pair = await startPair(onTestFinished);
    const { id } = await serve(pair, "checked.test");
    expect((await ask(edge, { host: "checked.test", path: "/" })).body).toBe("first");
    pair.first.handle(saying("first", 500));
    await expect.poll(() => healthOf(id), WITHIN).toEqual([true, false]);
    const before = pair.first.seen.filter(({ url }) => url === "/").length;
    for (let turn = 1; turn <= 3; turn += 1) {
      expect((await ask(edge, { host: "checked.test", path: "/" })).body).toBe("second");
    }
    expect(pair.first.seen.filter(({ url }) => url === "/").length).toBe(before);
    pair.first.handle(saying("first", 204));
    await expect.poll(() => healthOf(id), WITHIN).toEqual([false, false]);
    expect((await ask(edge, { host: "checked.test", path: "/" })).body).toBe("first");
    await edge.apply([feed.remove(id)]);
  });

  test("a check says who it is and asks by the origin's own name", async ({ expect, onTestFinished }) => {
    const pair = await startPair(onTestFinished);
    const { id } = await serve(pair, "named.test");
    await expect.poll(() => pair.first.seen.length, WITHIN).toBeGreaterThan(0);
    const [seen] = pair.first.seen;
    expect([seen?.method, seen?.url, seen?.headers.host]).toEqual(["GET", CHECK_PATH, "one.example"]);
    expect(seen?.headers["user-agent"]).toBe("edgewright-health-check");
    await edge.apply([feed.remove(id)]);
  });

  test("a server is ill that answers nothing, ends the connection, or leads elsewhere", async ({
    expect,
    onTestFinished,
  }) => {
    const pair = await startPair(onTestFinished);
    pair.first.handle(({ headers }, response) => {
      if (headers.host === "redirects.test") response.writeHead(302, { location: "http://127.0.0.1:1/" }).end();
      if (headers.host === "ends.test") response.socket?.destroy();
    });
    const names = ["silent.test", "redirects.test", "ends.test"];
    const served = await Promise.all(names.map((hostHeader) => serve(pair, hostHeader, { hostHeader })));
    for (const { id } of served) {
      await expect.poll(() => healthOf(id), WITHIN).toEqual([true, false]);
      await edge.apply([feed.remove(id)]);
    }
  });

  test("a certificate that viewers would not get by is ill, unless any will do", async ({ expect, onTestFinished }) => {
    const pair = await startPair(onTestFinished);
    const [cert = "", key = ""] = await Promise.all(
      ["fallback.crt", "fallback.key"].map((name) => readFile(`${edge.home}/tls/${name}`, "utf8")),
    );
    const secure = await startTestOrigin({ cert, key });
    const fields = { scheme: "https", host: "secure.test", port: secure.port, sni: "secure.test" } as const;
    const strict = await serve(pair, "strict.test", fields);
    const lax = await serve(pair, "lax.test", { ...fields, isTlsVerified: false });
    await expect.poll(() => healthOf(strict.id), WITHIN).toEqual([true, false]);
    await expect.poll(() => secure.seen.length, WITHIN).toBeGreaterThan(2);
    expect(await healthOf(lax.id)).toEqual([false, false]);
    await edge.apply([feed.remove(strict.id), feed.remove(lax.id)]);
    await secure.stop();
  });

  test("a distribution that is gone, or checks no more, is let alone, and its illness forgotten", async ({
    expect,
    onTestFinished,
  }) => {
    const pair = await startPair(onTestFinished);
    pair.first.handle(saying("first", 500));
    const distribution = await serve(pair, "changing.test");
    await expect.poll(() => healthOf(distribution.id), WITHIN).toEqual([true, false]);
    const origins = distribution.origins.map((origin) => ({ ...origin, healthCheck: null }));
    await edge.apply([feed.put({ ...distribution, origins })]);
    await expect.poll(() => healthOf(distribution.id), WITHIN).toEqual([false, false]);
    expect((await ask(edge, { host: "changing.test", path: "/" })).body).toBe("first");
    await edge.apply([feed.remove(distribution.id)]);
  });

  test("an origin by IPv6 is checked", async ({ expect }) => {
    const six = await startTestOrigin(undefined, "::1");
    const origins = [anOrigin({ host: "::1", port: six.port, healthCheck: check })];
    const { id, ...distribution } = aDistribution({ hosts: ["six.test"], origins });
    await edge.pin({ [`[::1]:${six.port}`]: ["::1"] });
    await edge.apply([feed.put({ id, ...distribution })]);
    await expect.poll(() => six.seen.length, WITHIN).toBeGreaterThan(0);
    expect(await healthOf(id)).toEqual([false]);
    await edge.apply([feed.remove(id)]);
    await six.stop();
  });

  test("an edge that starts alone checks what lies on its disk", async ({ expect, onTestFinished }) => {
    const { first } = await startPair(onTestFinished);
    const own = createTestFeed();
    const distribution = aDistribution({
      hosts: ["disk.test"],
      origins: [anOrigin({ host: "one.disk.test", port: first.port, healthCheck: check })],
    });
    const alone = await startTestEdge({
      state: {
        trust: own.trust,
        base: own.checkpoint([own.put(distribution)]),
        addresses: { [`one.disk.test:${first.port}`]: ["127.0.0.1"] },
      },
    });
    await expect.poll(() => first.seen.length, WITHIN).toBeGreaterThan(0);
    await alone.stop();
  });
});

test("hundreds of silent servers are checked side by side, but not all at once", async () => {
  const silent = await startSilentServer();
  const distributions = Array.from({ length: 400 }, (_, index) =>
    aDistribution({
      hosts: [`crowd-${index}.test`],
      origins: [anOrigin({ host: "crowd.test", port: silent.port, healthCheck: check })],
    }),
  );
  await edge.pin({ [`crowd.test:${silent.port}`]: ["127.0.0.1"] });
  await edge.apply(distributions.map((distribution) => feed.put(distribution)));
  await expect.poll(async () => (await healthOf(distributions[399]?.id ?? ""))[0], WITHIN).toBe(true);
  expect(silent.atOnce()).toBeGreaterThan(100);
  // 256, and a few whose end the server has not heard of.
  expect(silent.atOnce()).toBeLessThan(280);
  await edge.apply(distributions.map(({ id }) => feed.remove(id)));
  silent.stop();
});

test("whichever worker is killed, somebody goes on checking, after a reload too", async () => {
  const pair = await startPair();
  const { first } = pair;
  const { id } = await serve(pair, "led.test");
  const goesOn = async () => {
    const before = first.seen.length;
    await expect.poll(() => first.seen.length - before, WITHIN).toBeGreaterThan(1);
  };
  await goesOn();
  for (const pid of await edge.workers()) {
    process.kill(pid, "SIGKILL");
    await goesOn();
  }
  await edge.reload();
  await goesOn();
  await edge.apply([feed.remove(id)]);
});

/** Takes connections and says nothing. */
async function startSilentServer(): Promise<{ port: number; atOnce(): number; stop(): void }> {
  const sockets = new Set<Socket>();
  let most = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    most = Math.max(most, sockets.size);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.resume();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    atOnce: () => most,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
