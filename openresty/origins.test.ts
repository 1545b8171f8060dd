// How an edge asks origins: over TLS, the next server when one fails, WebSockets; and that connections are kept.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { DesiredDistribution } from "../edge-templates/index.ts";
import { startTestEdge, type TestEdge } from "./test-edge.ts";
import { aDistribution, anOrigin, createTestFeed } from "./test-feed.ts";
import { startTestOrigin, type TestOrigin } from "./test-origin.ts";
import { ask } from "./test-viewer.ts";

const feed = createTestFeed();
let edge: TestEdge;
let plain: TestOrigin;
let secure: TestOrigin;
/** An https origin whose certificate nobody vouches for. */
const anyTls = { scheme: "https", isTlsVerified: false } as const;
/** Nobody listens there (tcpmux). */
const DEAD_PORT = 1;

beforeAll(async () => {
  edge = await startTestEdge({ state: { trust: feed.trust } });
  const [cert, key] = await Promise.all(
    ["fallback.crt", "fallback.key"].map((name) => readFile(join(edge.home, "tls", name), "utf8")),
  );
  [plain, secure] = await Promise.all([startTestOrigin(), startTestOrigin({ cert: cert ?? "", key: key ?? "" })]);
});

afterAll(async () => {
  await Promise.all([edge?.stop(), plain?.stop(), secure?.stop()]);
});

beforeEach(() => {
  plain.seen.length = 0;
  secure.seen.length = 0;
});

async function serve(host: string, fields: Partial<DesiredDistribution>): Promise<void> {
  const origins = fields.origins ?? [];
  await edge.pin(Object.fromEntries(origins.map((origin) => [`${origin.host}:${origin.port}`, ["127.0.0.1"]])));
  const { body } = await edge.apply([feed.put(aDistribution({ hosts: [host], ...fields }))]);
  expect(body).toMatchObject({ refused: [] });
}

test("an https origin is asked over TLS by its own name", async () => {
  const names: string[] = [];
  secure.handle((_, response) => {
    const { socket } = response;
    if (socket !== null && "servername" in socket) names.push(String(socket.servername));
    response.end("secret");
  });
  await serve("tls.test", { origins: [anOrigin({ ...anyTls, port: secure.port, sni: "sni.test" })] });
  expect((await ask(edge, { host: "tls.test", path: "/" })).body).toBe("secret");
  expect((await ask(edge, { host: "tls.test", path: "/", curl: ["--data-raw", "a=1"] })).body).toBe("secret");
  expect(names).toEqual(["sni.test", "sni.test"]);
});

test("a kept TLS connection is not used under another name", async () => {
  const names: string[] = [];
  secure.handle((_, response) => {
    const { socket } = response;
    if (socket !== null && "servername" in socket) names.push(String(socket.servername));
    response.setHeader("cache-control", "no-store");
    response.end();
  });
  for (const name of ["one", "two"]) {
    await serve(`${name}.kept.test`, {
      origins: [anOrigin({ ...anyTls, port: secure.port, sni: `${name}.sni.test` })],
    });
  }
  for (const name of ["one", "two", "one", "two"]) await ask(edge, { host: `${name}.kept.test`, path: "/" });
  expect(names).toEqual(["one.sni.test", "two.sni.test", "one.sni.test", "two.sni.test"]);
});

test("connections to an origin are kept", async () => {
  const sockets = new Set<unknown>();
  plain.handle((_, response) => {
    sockets.add(response.socket);
    response.end();
  });
  await serve("keepalive.test", { origins: [anOrigin({ port: plain.port })] });
  for (let turn = 1; turn <= 5; turn += 1) await ask(edge, { host: "keepalive.test", path: `/${turn}` });
  expect(sockets.size).toBe(1);
});

test.each([
  ["https", "http"],
  ["http", "https"],
] as const)("when a %s server is dead, an %s one is asked", async (first, second) => {
  plain.handle((_, response) => response.end("plain"));
  secure.handle((_, response) => response.end("secure"));
  const host = `${first}-${second}.test`;
  const port = second === "http" ? plain.port : secure.port;
  await serve(host, {
    origins: [
      anOrigin({ scheme: first, host: "dead.test", port: DEAD_PORT, hostHeader: "dead.test" }),
      anOrigin({
        scheme: second,
        isTlsVerified: false,
        host: "alive.test",
        port,
        hostHeader: "alive.test",
        sni: "alive.test",
        primary: false,
      }),
    ],
  });
  const answer = await ask(edge, { host, path: "/" });
  expect([answer.status, answer.body]).toEqual([200, second === "http" ? "plain" : "secure"]);
  expect([...plain.seen, ...secure.seen].map(({ headers }) => headers.host)).toEqual(["alive.test"]);
});

test("a POST that a server may have read is not sent to another", async () => {
  plain.handle((_, response) => response.socket?.destroy());
  secure.handle((_, response) => response.end());
  await serve("once.test", {
    origins: [
      anOrigin({ port: plain.port, host: "first.test" }),
      anOrigin({ ...anyTls, port: secure.port, host: "second.test", primary: false }),
    ],
  });
  expect((await ask(edge, { host: "once.test", path: "/", curl: ["--data-raw", "a=1"] })).status).toBe(502);
  expect(secure.seen).toEqual([]);
  expect((await ask(edge, { host: "once.test", path: "/" })).status).toBe(200);
});

test("an origin that is gone is covered by a stale copy, and by a short page where there is none", async () => {
  const mortal = await startTestOrigin();
  mortal.handle((_, response) =>
    response.writeHead(200, { "cache-control": "max-age=0, stale-if-error=60", etag: '"a"' }).end("alive"),
  );
  await serve("mortal.test", { origins: [anOrigin({ port: mortal.port })] });
  await ask(edge, { host: "mortal.test", path: "/kept" });
  await mortal.stop();
  const kept = await ask(edge, { host: "mortal.test", path: "/kept" });
  expect([kept.status, kept.body, kept.headers["x-cache"]]).toEqual([200, "alive", "STALE"]);
  const missing = await ask(edge, { host: "mortal.test", path: "/missing" });
  expect([missing.status, missing.headers["cache-control"], missing.headers.via]).toEqual([
    502,
    "no-store",
    "1.1 edgewright",
  ]);
  expect(missing.body).toContain(missing.headers["x-request-id"]);
  expect(missing.body).not.toContain("127.0.0.1");
  expect((await ask(edge, { host: "mortal.test", path: "/", curl: ["--data-raw", "a=1"] })).status).toBe(502);
});

test("round robin spreads misses over the servers", async () => {
  for (const origin of [plain, secure]) origin.handle((_, response) => response.end());
  await serve("spread.test", {
    balancer: "round_robin",
    origins: [anOrigin({ port: plain.port }), anOrigin({ ...anyTls, port: secure.port, primary: false })],
  });
  for (let turn = 1; turn <= 4; turn += 1) await ask(edge, { host: "spread.test", path: `/${turn}` });
  expect([plain.seen.length, secure.seen.length]).toEqual([2, 2]);
});

test("a WebSocket passes both ways", async () => {
  const echo = await startUpgradeServer();
  await serve("socket.test", { origins: [anOrigin({ port: echo.port })] });
  const socket = connect(edge.httpPort, "127.0.0.1");
  socket.write("GET /ws HTTP/1.1\r\nHost: socket.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const [head] = await once(socket, "data", { signal: AbortSignal.timeout(5_000) });
  expect(String(head)).toContain("101 Switching Protocols");
  socket.write("ping");
  const [echoed] = await once(socket, "data", { signal: AbortSignal.timeout(5_000) });
  expect(String(echoed)).toBe("echo ping");
  socket.destroy();
  echo.server.close();
});

async function startUpgradeServer(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  server.on("upgrade", (_, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    socket.on("data", (data) => socket.write(`echo ${String(data)}`));
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { server, port: address.port };
}
