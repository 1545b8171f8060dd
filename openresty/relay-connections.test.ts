// How the edge treats connections to origins where it asks in nginx's stead (relay.lua): kept behind an answer whose end is
// certain, and behind no other; bodies flow as they come; who is late is told from who is broken. On both ends of nginx.
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { anOrigin } from "./test-feed.ts";
import { NGINXES } from "./test-nginxes.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";

const OK = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n";
const PLAIN = `${OK}Content-Length: 4\r\n\r\nbody`;
const PIECE = "x".repeat(64 * 1024);
/** More than all buffers on the way hold together. */
const FLOOD_BYTES = 256 * 1024 * 1024;

interface Asked {
  readonly socket: Socket;
  readonly path: string;
  /** How often its connection was used before. */
  readonly uses: number;
}

interface ScriptedOrigin {
  readonly port: number;
  /** Oldest first. */
  readonly asked: Asked[];
  handle(handler: (asked: Asked) => void): void;
  stop(): Promise<void>;
}

async function startScriptedOrigin(): Promise<ScriptedOrigin> {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  let handler = ({ socket }: Asked): void => void socket.write(PLAIN);
  const server = createServer((socket) => {
    let uses = 0;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (head) => {
      const one = { socket, path: String(head).split(" ")[1] ?? "", uses };
      uses += 1;
      asked.push(one);
      handler(one);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the origin does not listen on a port");
  return {
    port: address.port,
    asked,
    handle(next) {
      handler = next;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function drip(socket: Socket, text: string): void {
  if (text === "") return;
  socket.setNoDelay().write(text.slice(0, 1), () => setImmediate(drip, socket, text.slice(1)));
}

describe.each(NGINXES)("%s", (_, nginx) => {
  let sites: TestSites;
  let origin: ScriptedOrigin;
  let site: TestSite;

  beforeAll(async () => {
    sites = await startTestSites({ nginx: await nginx(), workers: 1 });
  });

  afterAll(async () => {
    await Promise.all([sites?.stop(), origin?.stop()]);
  });

  // Each test has an origin, and so connections, of its own.
  beforeEach(async () => {
    await origin?.stop();
    origin = await startScriptedOrigin();
    const { host, port } = placeOfOrigin();
    await sites.edge.pin({ [`${host}:${port}`]: ["127.0.0.1"] });
    site = await sites.serve({ origins: [anOrigin({ host, port })] });
  });

  const placeOfOrigin = () => ({ host: `${origin.port}.origin.test`, port: origin.port });
  const uses = () => origin.asked.map(({ uses }) => uses);

  test.each([
    ["a length", PLAIN, true],
    ["no body", "HTTP/1.1 204 No Content\r\n\r\n", true],
    ["chunks", `${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Trailer: 1\r\n\r\n`, true],
    ["bytes beyond its length", `${PLAIN}and more`, false],
    ["bytes beyond its chunks", `${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\nand more`, false],
    ["a word that it is the last", `${OK}Content-Length: 4\r\nConnection: close\r\n\r\nbody`, false],
    ["an old version", PLAIN.replace("HTTP/1.1", "HTTP/1.0"), false],
  ])("behind an answer with %s: %#", async (_what, text, isKept) => {
    // The last one comes byte by byte.
    origin.handle(({ socket, path }) => (path === "/three" ? drip(socket, text) : socket.write(text)));
    for (const path of ["/one", "/two", "/three"])
      expect((await site.ask(path)).body).toBe(text.includes("204") ? "" : "body");
    expect(uses()).toEqual(isKept ? [0, 1, 2] : [0, 0, 0]);
  });

  test("a head of bare line feeds ends before a body that looks like the end of a head", async () => {
    const body = "a\r\n\r\nb\r\n";
    origin.handle(({ socket }) => socket.write(`HTTP/1.1 200 OK\nContent-Length: ${body.length}\n\n${body}`));
    expect((await site.ask("/")).body).toBe(body);
  });

  test("a kept connection that ends under the request is no failure: the origin is asked over another one, once", async () => {
    origin.handle(({ socket, uses }) => (uses === 0 ? socket.write(PLAIN) : socket.destroy()));
    for (const path of ["/one", "/two"]) expect((await site.ask(path)).body).toBe("body");
    expect(origin.asked.map(({ path, uses }) => [path, uses])).toEqual([
      ["/one", 0],
      ["/two", 1],
      ["/two", 0],
    ]);
  });

  test("a new connection that ends without an answer is one, and nobody is asked twice", async () => {
    origin.handle(({ socket }) => socket.destroy());
    expect((await site.ask("/one")).status).toBe(502);
    expect(uses()).toEqual([0]);
  });

  test("who says nothing in time is late, also over a kept connection, and is not asked twice", async () => {
    await site.ask("/one");
    await site.change({ origins: [anOrigin({ ...placeOfOrigin(), readTimeoutSeconds: 1 })] });
    origin.handle(() => {});
    expect((await site.ask("/two")).status).toBe(504);
    expect(uses()).toEqual([0, 1]);
  });

  test("a body comes as it is written", async () => {
    origin.handle(({ socket }) => socket.write(`${OK}Content-Length: ${2 * PIECE.length}\r\n\r\n${PIECE}`));
    const { body } = await request(`http://127.0.0.1:${sites.edge.httpPort}/`, { headers: { host: site.host } });
    let bytes = 0;
    for await (const piece of body) {
      if (bytes === 0) origin.asked[0]?.socket.write(PIECE);
      bytes += Buffer.from(piece).length;
    }
    expect(bytes).toBe(2 * PIECE.length);
  });

  test("a viewer who does not read stops the origin, and whoever leaves ends it", async () => {
    let written = 0;
    origin.handle(({ socket }) => {
      socket.write(`${OK}Content-Length: ${FLOOD_BYTES}\r\n\r\n`);
      const more = (): void => {
        while (written < FLOOD_BYTES && socket.writable && socket.write(PIECE)) written += PIECE.length;
      };
      socket.on("drain", more);
      more();
    });
    const { body } = await request(`http://127.0.0.1:${sites.edge.httpPort}/`, { headers: { host: site.host } });
    let before = -1;
    const isStill = (): boolean => {
      const was = before;
      before = written;
      return was === written;
    };
    await expect.poll(isStill, { interval: 100, timeout: 10_000 }).toBe(true);
    expect(written).toBeLessThan(FLOOD_BYTES / 2);
    const closed = new Promise((resolve) => origin.asked[0]?.socket.once("close", resolve));
    body.on("error", () => {}).destroy();
    await closed;
  });

  test("whatever is kept, a reload lets the old workers go", async () => {
    for (const path of ["/one", "/two"]) expect((await site.ask(path)).body).toBe("body");
    await sites.edge.reload();
    expect((await site.ask("/three")).body).toBe("body");
    expect(uses()).toEqual([0, 1, 0]);
  });
});
