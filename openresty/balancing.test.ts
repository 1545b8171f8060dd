// Who is asked when, through the real nginx: failover, time-outs, spreading, and who is passed over.
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { DesiredDistribution, DesiredOrigin } from "../edge-templates/index.ts";
import { startTestEdge, type TestEdge } from "./test-edge.ts";
import { aDistribution, anOrigin, createTestFeed } from "./test-feed.ts";
import { startTestOrigin, type TestOrigin } from "./test-origin.ts";
import { ask } from "./test-viewer.ts";

const feed = createTestFeed();
let edge: TestEdge;
let first: TestOrigin;
let second: TestOrigin;
let third: TestOrigin;

beforeAll(async () => {
  edge = await startTestEdge({ state: { trust: feed.trust } });
  [first, second, third] = await Promise.all([startTestOrigin(), startTestOrigin(), startTestOrigin()]);
});

afterAll(async () => {
  await Promise.all([edge?.stop(), first?.stop(), second?.stop(), third?.stop()]);
});

beforeEach(() => {
  for (const origin of [first, second, third]) origin.seen.length = 0;
  first.handle((_, response) => response.writeHead(200, { "cache-control": "no-store" }).end("first"));
  second.handle((_, response) => response.writeHead(200, { "cache-control": "no-store" }).end("second"));
  third.handle((_, response) => response.writeHead(200, { "cache-control": "no-store" }).end("third"));
});

const aServer = (port: number, fields: Partial<DesiredOrigin> = {}): DesiredOrigin =>
  anOrigin({ port, primary: false, ...fields });

async function serve(
  host: string,
  origins: readonly DesiredOrigin[],
  fields: Partial<DesiredDistribution> = {},
): Promise<void> {
  await edge.pin(Object.fromEntries(origins.map((origin) => [`${origin.host}:${origin.port}`, ["127.0.0.1"]])));
  const { body } = await edge.apply([feed.put(aDistribution({ hosts: [host], origins, ...fields }))]);
  expect(body).toMatchObject({ refused: [] });
}

test("the primary is asked first, wherever it stands", async () => {
  await serve("primary.test", [aServer(first.port), aServer(second.port, { primary: true })]);
  expect((await ask(edge, { host: "primary.test", path: "/" })).body).toBe("second");
  expect(first.seen).toEqual([]);
});

test.each([502, 503, 504])("a %i moves a GET to the next server, and a POST gets it as it is", async (status) => {
  const host = `s${status}.test`;
  first.handle((_, response) => response.writeHead(status).end("overloaded"));
  await serve(host, [aServer(first.port, { primary: true }), aServer(second.port)]);
  expect((await ask(edge, { host, path: "/" })).body).toBe("second");
  second.seen.length = 0;
  const posted = await ask(edge, { host, path: "/", curl: ["--data-raw", "a=1"] });
  expect([posted.status, posted.body, second.seen.length]).toEqual([status, "overloaded", 0]);
});

test("the last server's 503 is the viewer's, with its own page", async () => {
  for (const origin of [first, second]) {
    origin.handle((_, response) => response.writeHead(503, { "retry-after": "7" }).end("come back later"));
  }
  await serve("last.test", [aServer(first.port, { primary: true }), aServer(second.port)]);
  await serve("alone.test", [aServer(first.port, { primary: true })]);
  for (const host of ["last.test", "alone.test"]) {
    const answer = await ask(edge, { host, path: "/" });
    expect([answer.status, answer.body, answer.headers["retry-after"]]).toEqual([503, "come back later", "7"]);
  }
});

test("a server that does not answer within its own time is left for the next; alone, it is a 504", async () => {
  first.handle(() => {});
  const slow = aServer(first.port, { primary: true, readTimeoutSeconds: 1 });
  await serve("slow.test", [slow, aServer(second.port)]);
  expect((await ask(edge, { host: "slow.test", path: "/" })).body).toBe("second");
  await serve("slow-alone.test", [slow]);
  expect((await ask(edge, { host: "slow-alone.test", path: "/" })).status).toBe(504);
  expect((await ask(edge, { host: "slow-alone.test", path: "/", curl: ["--data-raw", "a=1"] })).status).toBe(504);
});

test("a server with which no TLS comes about within its time to connect is left for the next", async () => {
  const silent = await startSilentServer();
  await serve("silent.test", [
    aServer(silent.port, { scheme: "https", primary: true, connectTimeoutSeconds: 1 }),
    aServer(second.port),
  ]);
  expect((await ask(edge, { host: "silent.test", path: "/" })).body).toBe("second");
  silent.stop();
});

test("a server that answers nonsense is left for the next", async () => {
  const babbling = await startSilentServer((socket) => socket.end("HTTP/1.1 200 OK\r\nno header\r\n\r\n"));
  await serve("babbling.test", [aServer(babbling.port, { primary: true }), aServer(second.port)]);
  expect((await ask(edge, { host: "babbling.test", path: "/" })).body).toBe("second");
  babbling.stop();
});

test("an origin by IPv6 is asked", async () => {
  const six = await startTestOrigin(undefined, "::1");
  const origin = aServer(six.port, { host: "::1", hostHeader: `[::1]:${six.port}` });
  await edge.pin({ [`[::1]:${six.port}`]: ["::1"] });
  await edge.apply([feed.put(aDistribution({ hosts: ["six.test"], origins: [origin] }))]);
  expect((await ask(edge, { host: "six.test", path: "/" })).body).toBe("GET /");
  expect(six.seen[0]?.headers.host).toBe(`[::1]:${six.port}`);
  await six.stop();
});

test("after three failures in a row a server is passed over, and asked again when all others fail", async () => {
  first.handle((_, response) => response.writeHead(502).end());
  await serve("passed-over.test", [aServer(first.port, { primary: true }), aServer(second.port)]);
  for (let turn = 1; turn <= 6; turn += 1) {
    expect((await ask(edge, { host: "passed-over.test", path: `/${turn}` })).body).toBe("second");
  }
  expect(first.seen.length).toBe(3);
  first.handle((_, response) => response.end("first again"));
  second.handle((_, response) => response.writeHead(503).end());
  expect((await ask(edge, { host: "passed-over.test", path: "/last" })).body).toBe("first again");
});

test("what one customer's requests find out about a server is not another's", async () => {
  first.handle((seen, response) => response.writeHead(seen.headers.host === "ill.test" ? 503 : 200).end("first"));
  for (const host of ["ill.test", "well.test"]) {
    await serve(host, [aServer(first.port, { primary: true, hostHeader: host }), aServer(second.port)]);
  }
  for (let turn = 1; turn <= 4; turn += 1) await ask(edge, { host: "ill.test", path: `/${turn}` });
  expect((await ask(edge, { host: "well.test", path: "/" })).body).toBe("first");
});

test("a consistent hash forgets whom it waited for, however the waiting ended", async () => {
  const origins = [first, second, third].map((origin) => aServer(origin.port));
  await serve("waiting.test", origins, { balancer: "consistent_hash" });
  const holder = async () => (await ask(edge, { host: "waiting.test", path: "/popular" })).body;
  const before = await holder();
  const held = { first, second, third }[before];
  for (let turn = 1; turn <= 30; turn += 1) expect(await holder()).toBe(before);
  held?.handle((_, response) => response.writeHead(200).write("cut", () => response.socket?.destroy()));
  for (let turn = 1; turn <= 30; turn += 1) await ask(edge, { host: "waiting.test", path: "/popular" }).catch(() => {});
  held?.handle(() => {});
  const impatient = { host: "waiting.test", path: "/popular", curl: ["--max-time", "0.2"] };
  await Promise.all(Array.from({ length: 10 }, () => ask(edge, impatient).catch(() => {})));
  held?.handle((_, response) => response.writeHead(200, { "cache-control": "no-store" }).end(before));
  expect(await holder()).toBe(before);
});

test("a consistent hash keeps each URL on its server, and gives it to another only while that one fails", async () => {
  const origins = [first, second, third].map((origin) => aServer(origin.port));
  await serve("hashed.test", origins, { balancer: "consistent_hash" });
  // Ports differ each time, and with them who holds what: of so many each holds some.
  const paths = Array.from({ length: 48 }, (_, index) => `/${index}`);
  const round = async () => {
    const holders: Record<string, string> = {};
    for (const path of paths) holders[path] = (await ask(edge, { host: "hashed.test", path })).body;
    return holders;
  };
  const before = await round();
  expect(new Set(Object.values(before)).size).toBe(3);
  expect(await round()).toEqual(before);
  second.handle((_, response) => response.writeHead(503).end());
  for (const [path, holder] of Object.entries(await round())) {
    if (before[path] === "second") expect(["first", "third"]).toContain(holder);
    else expect(holder).toBe(before[path]);
  }
});

/** Takes connections and says nothing, or what it is told to. */
async function startSilentServer(greet: (socket: Socket) => void = () => {}): Promise<{ port: number; stop(): void }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => greet(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
