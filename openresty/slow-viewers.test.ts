// Viewers that mean to stay: hundreds of connections that say a little, or nothing, and never end. Whoever asks properly
// is answered meanwhile, and who does not come to the point is shown the door.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answering, startTestSites, type TestSite, type TestSites } from "./test-site.ts";

const SLOW_VIEWERS = 400;
const OTHERS = 20;
/** The longest that the edge waits for a header, a body's next piece or a handshake, and a moment. */
const SHOWN_OUT_WITHIN_MS = 20_000;

let sites: TestSites;
let site: TestSite;
const open = new Set<Socket>();

beforeAll(async () => {
  sites = await startTestSites();
  site = await sites.serve();
  sites.origin.handle(answering({ "Cache-Control": "max-age=60" }));
});

afterAll(async () => {
  for (const socket of open) socket.destroy();
  await sites?.stop();
});

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  open.add(socket);
  socket.on("error", () => {});
  socket.once("close", () => open.delete(socket));
  await once(socket, "connect");
  return socket;
}

/** As many at once, each beginning with the same bytes; `more` is written once a second for as long as it may be. */
async function stay(port: number, first: string, more: string): Promise<readonly Socket[]> {
  const sockets = await Promise.all(Array.from({ length: SLOW_VIEWERS }, () => dial(port)));
  for (const socket of sockets) {
    socket.resume();
    socket.write(first);
    if (more === "") continue;
    const timer = setInterval(() => socket.write(more), 1_000);
    socket.once("close", () => clearInterval(timer));
  }
  return sockets;
}

async function allShownOut(sockets: readonly Socket[]): Promise<void> {
  const deadline = Date.now() + SHOWN_OUT_WITHIN_MS;
  while (Date.now() < deadline && sockets.some((socket) => !socket.closed)) await delay(100);
  expect(sockets.filter((socket) => !socket.closed)).toHaveLength(0);
}

async function othersAreServed(): Promise<void> {
  const answers = await Promise.all(
    Array.from({ length: OTHERS }, (_, index) => site.ask(`/${index}`, index % 2 === 0 ? {} : { version: "2" })),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: OTHERS }, () => 200));
}

const KINDS = [
  ["that never end their header", "http", "GET / HTTP/1.1\r\nX-Slow: ", "a"],
  ["that say nothing", "http", "", ""],
  ["that never begin the body that they announced", "http", "post", ""],
  ["that never end their handshake", "https", "\u0016\u0003\u0001\u0002\u0000\u0001", ""],
] as const;

// All kinds at once: each is shown out when its own time is over, whoever else stays.
describe.concurrent(`${SLOW_VIEWERS} viewers`, () => {
  test.each(KINDS)("%s", { timeout: 60_000 }, async (_, scheme, first, more) => {
    const post = `POST /slow HTTP/1.1\r\nHost: ${site.host}\r\nContent-Length: 1000\r\n\r\n`;
    const port = scheme === "http" ? sites.edge.httpPort : sites.edge.httpsPort;
    const sockets = await stay(port, first === "post" ? post : first, more);
    await othersAreServed();
    await allShownOut(sockets);
  });
});

test("viewers that send a body byte by byte, or read an answer not at all, cost others nothing", async () => {
  sites.origin.handle((request, response) => {
    if (request.url !== "/large") return answering({ "Cache-Control": "max-age=60" })(request, response);
    response.writeHead(200, { "Cache-Control": "no-store" }).end(Buffer.alloc(4 * 1024 * 1024));
  });
  await stay(sites.edge.httpPort, `POST /slow HTTP/1.1\r\nHost: ${site.host}\r\nContent-Length: 1000\r\n\r\n`, "a");
  const readers = await stay(sites.edge.httpPort, `GET /large HTTP/1.1\r\nHost: ${site.host}\r\n\r\n`, "");
  for (const socket of readers) socket.pause();
  await othersAreServed();
});
