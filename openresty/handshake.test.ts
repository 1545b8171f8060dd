// HTTP/2 on and off per distribution, on one listener, over handshakes that are new and resumed.
import { once } from "node:events";
import { connect, type SecureVersion, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestEdge, type TestEdge } from "./test-edge.ts";
import { aDistribution, createTestFeed } from "./test-feed.ts";
import { ask } from "./test-viewer.ts";

const feed = createTestFeed();
let edge: TestEdge;

beforeAll(async () => {
  const [on, off] = [
    aDistribution({ hosts: ["on.test"] }),
    aDistribution({ hosts: ["off.test", "*.off.test"], http2: false }),
  ];
  edge = await startTestEdge({ state: { trust: feed.trust, base: feed.checkpoint([feed.put(on), feed.put(off)]) } });
});

afterAll(async () => {
  await edge?.stop();
});

interface Handshake {
  readonly protocol: string | false | null;
  readonly resumed: boolean;
  readonly session: Buffer | undefined;
}

async function shake(name: string, version: SecureVersion, session?: Buffer): Promise<Handshake> {
  const options = { host: "127.0.0.1", port: edge.httpsPort, servername: name, rejectUnauthorized: false };
  const alpn = { ALPNProtocols: ["h2", "http/1.1"], minVersion: version, maxVersion: version };
  const socket = connect({ ...options, ...alpn, ...(session === undefined ? {} : { session }) });
  const signal = AbortSignal.timeout(5_000);
  // A resumed session of TLS 1.2 brings no new ticket.
  const bringsTicket = version === "TLSv1.3" || session === undefined;
  const [ticket] = await Promise.all([
    bringsTicket ? ticketOf(socket, signal) : session,
    once(socket, "secureConnect", { signal }),
  ]);
  const shaken = { protocol: socket.alpnProtocol, resumed: socket.isSessionReused(), session: ticket };
  socket.destroy();
  return shaken;
}

async function ticketOf(socket: TLSSocket, signal: AbortSignal): Promise<Buffer> {
  const [session] = await once(socket, "session", { signal });
  return session;
}

test.each<SecureVersion>(["TLSv1.2", "TLSv1.3"])(
  "over %s a distribution without HTTP/2 is spoken to in HTTP/1.1",
  async (version) => {
    expect((await shake("on.test", version)).protocol).toBe("h2");
    expect((await shake("off.test", version)).protocol).toBe("http/1.1");
    expect((await shake("a.off.test", version)).protocol).toBe("http/1.1");
    expect((await shake("unknown.test", version)).protocol).toBe("h2");
  },
);

test("a viewer with a ticket of TLS 1.3 is not turned away", async () => {
  const first = await shake("on.test", "TLSv1.3");
  expect((await shake("on.test", "TLSv1.3", first.session)).resumed).toBe(true);
  const second = await shake("off.test", "TLSv1.3");
  const third = await shake("off.test", "TLSv1.3", second.session);
  expect([third.protocol, third.resumed]).toEqual(["http/1.1", false]);
});

test("a viewer with a ticket of TLS 1.2 is resumed, in HTTP/1.1", async () => {
  const first = await shake("off.test", "TLSv1.2");
  const second = await shake("off.test", "TLSv1.2", first.session);
  expect([second.protocol, second.resumed]).toEqual(["http/1.1", true]);
});

test("HTTP/3 and HTTP/1.1 are left alone", async () => {
  expect((await ask(edge, { host: "off.test", path: "/", version: "3" })).version).toBe("3");
  expect((await ask(edge, { host: "off.test", path: "/", version: "2" })).version).toBe("1.1");
});
