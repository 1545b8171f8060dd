// What passes through without being kept: WebSockets, uploads of any size and kind, other methods.
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { Agent, WebSocket } from "undici";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { anOrigin } from "./test-feed.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";

const MB = 1024 * 1024;
const GB = 1024 * MB;

let sites: TestSites;
let site: TestSite;
let origin: PassingOrigin;

/** An origin that sees requests as they come. */
interface PassingOrigin {
  readonly port: number;
  readonly upgraded: Set<Duplex>;
  answer(handler: (request: IncomingMessage, response: ServerResponse) => void): void;
  stop(): Promise<void>;
}

async function startPassingOrigin(): Promise<PassingOrigin> {
  let handler: Parameters<PassingOrigin["answer"]>[0] = (_, response) => response.end();
  const upgraded = new Set<Duplex>();
  const server: Server = createServer((asked, response) => handler(asked, response));
  server.on("checkContinue", (asked, response) => {
    response.writeContinue();
    handler(asked, response);
  });
  server.on("upgrade", (asked: IncomingMessage, socket: Duplex) => echoFrames(asked, socket, upgraded));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the origin does not listen on a port");
  return {
    port: address.port,
    upgraded,
    answer(next) {
      handler = next;
    },
    async stop() {
      for (const socket of upgraded) socket.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** RFC 6455, as much of it as short frames need: text is sent back unmasked, a close frame as it is. */
function echoFrames(asked: IncomingMessage, socket: Duplex, upgraded: Set<Duplex>): void {
  const key = `${asked.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash("sha1").update(key).digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  upgraded.add(socket);
  socket.on("error", () => {});
  socket.on("close", () => upgraded.delete(socket));
  socket.on("data", (frame: Buffer) => {
    const length = (frame[1] ?? 0) & 0x7f;
    const mask = frame.subarray(2, 6);
    const text = Buffer.from(frame.subarray(6, 6 + length).map((byte, at) => byte ^ (mask[at % 4] ?? 0)));
    socket.write(Buffer.concat([Buffer.from([frame[0] ?? 0, length]), text]));
    if (((frame[0] ?? 0) & 0x0f) === 8) socket.end();
  });
}

beforeAll(async () => {
  sites = await startTestSites();
  origin = await startPassingOrigin();
  await sites.edge.pin({ [`origin.test:${origin.port}`]: ["127.0.0.1"] });
  site = await sites.serve({ origins: [anOrigin({ port: origin.port, readTimeoutSeconds: 1 })] });
});

afterAll(async () => {
  await Promise.all([sites?.stop(), origin?.stop()]);
});

beforeEach(() => origin.answer((_, response) => response.end()));

const toTheEdge = new Agent({
  connect: { lookup: (_name, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]) },
});

async function openWebSocket(): Promise<{ socket: WebSocket; said: string[] }> {
  const socket = new WebSocket(`ws://${site.host}:${sites.edge.httpPort}/talk`, { dispatcher: toTheEdge });
  const said: string[] = [];
  socket.addEventListener("message", ({ data }) => said.push(String(data)));
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", reject, { once: true });
  });
  return { socket, said };
}

test("a WebSocket carries messages both ways, is silent for longer than an answer may take, and closes", async () => {
  const { socket, said } = await openWebSocket();
  socket.send("first");
  await expect.poll(() => said).toEqual(["first"]);
  await wait(2500);
  socket.send("after a while");
  await expect.poll(() => said).toEqual(["first", "after a while"]);
  expect(origin.upgraded.size).toBe(1);
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve, { once: true }));
  socket.close();
  await closed;
  await expect.poll(() => origin.upgraded.size).toBe(0);
});

test("a WebSocket that the origin ends is ended for its viewer", async () => {
  const { socket } = await openWebSocket();
  const closed = new Promise((resolve) => socket.addEventListener("close", resolve, { once: true }));
  for (const one of origin.upgraded) one.destroy();
  await closed;
});

interface Uploaded {
  readonly status: number | undefined;
  readonly body: string;
}

/** An upload whose body the test writes. */
function upload(headers: Record<string, string | number>, method = "POST") {
  const outgoing = request({
    host: "127.0.0.1",
    port: sites.edge.httpPort,
    path: "/upload",
    method,
    headers: { host: site.host, ...headers },
  });
  const answered = new Promise<Uploaded>((resolve, reject) => {
    outgoing.once("error", reject);
    outgoing.once("response", (incoming) => {
      let body = "";
      incoming.on("data", (chunk) => {
        body += String(chunk);
      });
      incoming.once("end", () => resolve({ status: incoming.statusCode, body }));
    });
  });
  const write = async (piece: Buffer) => {
    if (!outgoing.write(piece)) await once(outgoing, "drain");
  };
  return { outgoing, answered, write };
}

/** Counts what has come so far, and answers with that at the end. */
function counting(): { bytes: number; trailers: NodeJS.Dict<string>; headers: NodeJS.Dict<string | string[]> } {
  const counted: ReturnType<typeof counting> = { bytes: 0, trailers: {}, headers: {} };
  origin.answer((asked, response) => {
    counted.headers = asked.headers;
    asked.on("data", (chunk: Buffer) => {
      counted.bytes += chunk.length;
    });
    asked.once("end", () => {
      counted.trailers = asked.trailers;
      response.end(String(counted.bytes));
    });
  });
  return counted;
}

async function filesIn(folder: string): Promise<readonly string[]> {
  return readdir(join(sites.edge.home, "cache", folder), { recursive: true });
}

test("a gigabyte reaches the origin while it is being sent, and no disk", async () => {
  const counted = counting();
  const { outgoing, answered, write } = upload({ "content-length": GB });
  const piece = randomBytes(MB);
  for (let sent = 0; sent < 64; sent += 1) await write(piece);
  // What is left lies in the sockets' buffers between us.
  await expect.poll(() => counted.bytes).toBeGreaterThan(32 * MB);
  expect(await filesIn("body")).toEqual([]);
  for (let sent = 64; sent < 1024; sent += 1) await write(piece);
  outgoing.end();
  expect(await answered).toEqual({ status: 200, body: String(GB) });
  expect(await filesIn("body")).toEqual([]);
}, 60_000);

test("a body of unknown length flows in chunks, and its trailers stay here", async () => {
  const counted = counting();
  const { outgoing, answered, write } = upload({ "transfer-encoding": "chunked", trailer: "x-sum" }, "PUT");
  await write(Buffer.from("begun"));
  await expect.poll(() => counted.bytes).toBe(5);
  outgoing.addTrailers({ "x-sum": "smuggled" });
  outgoing.end(" and ended");
  expect(await answered).toEqual({ status: 200, body: "15" });
  expect(counted.trailers).toEqual({});
  expect(counted.headers).not.toHaveProperty("x-sum");
});

test("who waits for leave to send a body gets it", async () => {
  counting();
  const { outgoing, answered } = upload({ expect: "100-continue", "content-length": 4 });
  outgoing.flushHeaders();
  await once(outgoing, "continue");
  outgoing.end("body");
  expect(await answered).toEqual({ status: 200, body: "4" });
});

test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])(
  "%s reaches the origin as it is",
  async (method) => {
    origin.answer((asked, response) => response.writeHead(207, { "x-method": asked.method ?? "" }).end("done"));
    const answer = await site.ask("/thing?a=1", { curl: ["-X", method] });
    expect([answer.status, answer.headers["x-method"], answer.headers["x-cache"], answer.body]).toEqual([
      207,
      method,
      "BYPASS",
      "done",
    ]);
  },
);

test("trailers of an answer stay here, and its body is whole", async () => {
  origin.answer((_, response) => {
    response.writeHead(200, { trailer: "x-sum", "cache-control": "max-age=60" });
    response.write("body");
    response.addTrailers({ "x-sum": "1" });
    response.end();
  });
  for (const method of ["POST", "GET"]) {
    const text = await raw(
      `${method} /trailers HTTP/1.1\r\nHost: ${site.host}\r\nConnection: close\r\nTE: trailers\r\n\r\n`,
    );
    expect(text).toContain("body");
    expect(text.toLowerCase()).not.toContain("x-sum");
  }
});

async function raw(text: string): Promise<string> {
  const socket: Socket = connect(sites.edge.httpPort, "127.0.0.1");
  socket.write(text);
  let got = "";
  for await (const chunk of socket) got += String(chunk);
  return got;
}
