// An edge that drains: everything is served, and every connection comes to its end without a request that fails.
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { Agent, createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { anOrigin } from "./test-feed.ts";
import { answering, startTestSites, type TestSite, type TestSites } from "./test-site.ts";
import { ask } from "./test-viewer.ts";

let sites: TestSites;
let site: TestSite;

beforeAll(async () => {
  sites = await startTestSites();
  site = await sites.serve();
});

afterAll(async () => {
  await sites?.stop();
});

beforeEach(async () => {
  sites.origin.handle(answering({ "cache-control": "max-age=60" }));
  await become("active");
});

async function become(state: string): Promise<void> {
  expect((await sites.edge.control("PUT", "/node", state)).status).toBe(200);
  // Each worker hears of it within a moment.
  const wanted = state === "active" ? "keep-alive" : "close";
  await expect.poll(async () => (await site.ask("/watched")).headers.connection).toBe(wanted);
}

const health = () => ask(sites.edge, { host: "localhost", path: "/__edge/health" });

test("its health is a 503 that says why, and 200 again when it takes viewers", async () => {
  expect(await health()).toMatchObject({ status: 200 });
  await become("draining");
  const drained = await health();
  expect(drained.status).toBe(503);
  expect(JSON.parse(drained.body)).toMatchObject({
    status: "draining",
    reason: "this edge is being taken out of service",
    structure: 1,
  });
  await become("active");
  expect(JSON.parse((await health()).body)).toMatchObject({ status: "ok" });
});

test("hits, misses, what passes, redirects and pages are served, and end their connection of HTTP/1.1", async () => {
  const moved = await sites.serve({ redirectHttpToHttps: true });
  await site.ask("/kept");
  await become("draining");
  for (const [answer, status] of [
    [await site.ask("/kept"), 200],
    [await site.ask("/new"), 200],
    [await site.ask("/passed", { curl: ["--data-raw", "x=1"] }), 200],
    [await moved.ask("/"), 301],
    [await ask(sites.edge, { host: "unknown.test", path: "/" }), 421],
    [await site.ask("/a%2fb"), 400],
    [await health(), 503],
  ] as const) {
    expect([answer.status, answer.lines.filter((line) => /^connection:/i.test(line))]).toEqual([
      status,
      ["Connection: close"],
    ]);
  }
});

test("a connection that was kept alive is closed by the server with the answer to its next request", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const get = async () => {
    const { httpPort: port } = sites.edge;
    const request = httpRequest({ host: "127.0.0.1", port, path: "/kept", headers: { host: site.host }, agent }).end();
    const [response]: IncomingMessage[] = await once(request, "response");
    response?.resume();
    await once(request, "close");
    return request;
  };
  await get();
  await become("draining");
  const second = await get();
  expect(second.reusedSocket).toBe(true);
  expect(second.socket?.destroyed).toBe(true);
  agent.destroy();
});

test.each(["2", "3"] as const)("over HTTP/%s an earlier invitation to HTTP/3 is taken back", async (version) => {
  expect((await site.ask("/kept", { version })).headers["alt-svc"]).toContain("h3=");
  await become("draining");
  const answer = await site.ask("/kept", { version });
  expect([answer.status, answer.headers["alt-svc"], answer.headers.connection]).toEqual([200, "clear", undefined]);
});

test("a WebSocket is opened all the same", async () => {
  const server = createServer().on("upgrade", (_, socket) => {
    socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nopen");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const originPort = typeof address === "object" && address !== null ? address.port : 0;
  const open = await sites.serve({ origins: [anOrigin({ port: originPort })] });
  await sites.edge.pin({ [`origin.test:${originPort}`]: ["127.0.0.1"] });
  await become("draining");
  const headers = { host: open.host, connection: "Upgrade", upgrade: "websocket" };
  const request = httpRequest({ host: "127.0.0.1", port: sites.edge.httpPort, path: "/socket", headers }).end();
  const [response, socket] = await once(request, "upgrade");
  expect([response.statusCode, response.headers.connection]).toEqual([101, "upgrade"]);
  socket.destroy();
  server.close();
});

test("what is no state is refused", async () => {
  const { status, body } = await sites.edge.control("PUT", "/node", "asleep");
  expect([status, body]).toEqual([400, { error: "a state is wanted: active or draining" }]);
});

/** As long as a connection in use may live, shortened for the test. */
async function shortenConnections(): Promise<void> {
  const path = join(sites.edge.home, "current", "outer.conf");
  const text = await readFile(path, "utf8");
  expect(text).toContain("keepalive_time 60s;");
  await writeFile(path, text.replace("keepalive_time 60s;", "keepalive_time 1s;"));
  await sites.edge.reload();
}

test("a connection of HTTP/2 or 3 in constant use ends after its time, and no request on it fails", async () => {
  await shortenConnections();
  const sessions = new Set<ClientHttp2Session>();
  const open = () => {
    const session = connect(`https://127.0.0.1:${sites.edge.httpsPort}`, {
      servername: site.host,
      rejectUnauthorized: false,
    });
    session.once("goaway", () => {
      session.close();
    });
    sessions.add(session);
    return session;
  };
  let session = open();
  const statuses: number[] = [];
  while (sessions.size < 3) {
    if (session.closed || session.destroyed) session = open();
    const stream = session.request({ ":path": "/kept", ":authority": site.host });
    const [headers] = await once(stream.resume(), "response");
    statuses.push(headers[constants.HTTP2_HEADER_STATUS]);
    await once(stream, "close");
  }
  for (const one of sessions) one.destroy();
  expect(new Set(statuses)).toEqual(new Set([200]));

  const urls = Array.from({ length: 8 }, () => `https://${site.host}:${sites.edge.httpsPort}/kept`);
  const each = ["-w", "\\n%{http_code} %{num_connects}\\n", "--rate", "200/m"] as const;
  const { body } = await site.ask("/kept", { version: "3", curl: [...each, ...urls] });
  const answers = [...body.matchAll(/^(\d{3}) (\d)$/gm)].map(([, code, connects]) => [code, connects]);
  expect(answers).toHaveLength(9);
  expect(new Set(answers.map(([code]) => code))).toEqual(new Set(["200"]));
  expect(answers.filter(([, connects]) => connects === "1").length).toBeGreaterThan(1);
});

test("the state holds over a reload, and is read from the disk at a start", async () => {
  await become("draining");
  await sites.edge.reload();
  expect((await health()).status).toBe(503);
  await writeFile(join(sites.edge.home, "state", "node"), "draining\n");
  await become("active");
  await sites.edge.restart();
  expect((await health()).status).toBe(503);
});
