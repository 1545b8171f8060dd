// What must not stop handshakes of others: hostile records of certificates, ten thousand names, viewers who say half a
// hello or a garbled one.
import { randomUUID, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { aCertificate, createViewersAuthority, type Leaf, show } from "./test-certificates.ts";
import { FIXED_TEXTS, generatedTexts } from "./test-hostile-texts.ts";
import { startTestSites, type TestSites } from "./test-site.ts";

const { issue } = createViewersAuthority();
const HALF_OPEN = 400;
/** `client_header_timeout` of the edge, and some. */
const GIVEN_UP_WITHIN_MS = 15_000;
let sites: TestSites;
let neighbour: { readonly host: string; readonly fingerprint: string };
/** Of a distribution without HTTP/2, whose hellos the edge itself writes in. */
let plain: string;

beforeAll(async () => {
  sites = await startTestSites({ documentsMax: 4000, workers: 2 });
  const { host, distribution } = await sites.serve();
  const leaf = issue({ names: [host] });
  await show(sites.edge, sites.feed, aCertificate({ accountId: distribution.accountId, names: [host] }, leaf));
  neighbour = { host, fingerprint: fingerprintOf(leaf) };
  plain = (await sites.serve({ http2: false })).host;
});

afterAll(async () => {
  await sites?.stop();
});

let workers: readonly number[];
beforeEach(async () => {
  workers = await sites.edge.workers();
});
afterEach(async () => {
  expect(await shownFor(neighbour.host)).toBe(neighbour.fingerprint);
  // None died, and none failed.
  expect(await sites.edge.workers()).toEqual(workers);
  const log = await sites.edge.errorLog();
  expect(log.split("\n").filter((line) => /stack traceback|attempt to|failed to run|signal 11/.test(line))).toEqual([]);
});

const fingerprintOf = ({ chain }: Leaf) => new X509Certificate(chain).fingerprint256;

async function shownFor(servername: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port: sites.edge.httpsPort, servername, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(5_000) });
    return socket.getPeerCertificate().fingerprint256;
  } finally {
    socket.destroy();
  }
}

test("hostile texts and values in every field of a record are refused, or harmless", async () => {
  const accountId = randomUUID();
  const { desired } = aCertificate({ accountId, names: ["hostile.test"] }, issue({ names: ["hostile.test"] }));
  const good = JSON.parse(sites.feed.certificate(desired).body);
  const [chain] = good.chains;
  const wrap: readonly ((text: unknown) => object)[] = [
    (text) => ({ ...good, account: text }),
    (text) => ({ ...good, names: [text] }),
    (text) => ({ ...good, names: ["hostile.test", `${text}.hostile.test`] }),
    (text) => ({ ...good, format: text }),
    (text) => ({ ...good, not_after: text }),
    (text) => ({ ...good, names: text }),
    (text) => ({ ...good, chains: text }),
    (text) => ({ ...good, chains: [text] }),
    (text) => ({ ...good, chains: [{ ...chain, type: text }] }),
    (text) => ({ ...good, chains: [{ ...chain, secret: text }] }),
    (text) => ({ ...good, chains: [{ ...chain, chain: text }] }),
    (text) => ({ ...good, chains: [{ ...chain, chain: `${chain.chain}${text}` }] }),
    (text) => ({
      ...good,
      chains: [{ ...chain, chain: `${chain.chain.slice(0, 100)}${text}${chain.chain.slice(100)}` }],
    }),
  ];
  const values = [...FIXED_TEXTS, ...generatedTexts(2100), null, true, -1, 1e308, [], {}, [[]], { 1: 1 }];
  const bodies = values.map((value, index) => JSON.stringify(wrap[index % wrap.length]?.(value)));
  let taken = 0;
  for (let from = 0; from < bodies.length; from += 200) {
    const records = bodies.slice(from, from + 200).map((body) => sites.feed.putBody(randomUUID(), body, "certificate"));
    const { status, body } = await sites.edge.apply(records);
    expect(status).toBe(200);
    taken += records.length - JSON.stringify(body).split('"stage":"push"').length + 1;
    await sites.edge.apply(records.map(({ id }) => sites.feed.remove(id, "certificate")));
  }
  // Behind a whole chain PEM lets any words stand, and of its end the certificate's own word counts: eight at a time.
  expect(taken).toBeGreaterThan(50);
  expect(taken).toBeLessThan(bodies.length / 2);
});

test("ten thousand names are each shown their own certificate", { timeout: 120_000 }, async () => {
  const made: { host: string; fingerprint: string }[] = [];
  for (let group = 0; group < 100; group++) {
    const hosts = Array.from({ length: 100 }, (_, index) => `n${index}.many-${group}.test`);
    const { distribution } = await sites.serve({ hosts });
    const leaf = issue({ names: hosts });
    await show(sites.edge, sites.feed, aCertificate({ accountId: distribution.accountId, names: hosts }, leaf));
    made.push(...hosts.map((host) => ({ host, fingerprint: fingerprintOf(leaf) })));
  }
  expect(made).toHaveLength(10_000);
  for (let index = 0; index < made.length; index += 97) {
    const one = made[index];
    expect(await shownFor(one?.host ?? "")).toBe(one?.fingerprint);
  }
});

test("while a certificate is renewed again and again, every handshake is given one that holds", async () => {
  const { host, distribution } = await sites.serve();
  const id = randomUUID();
  const known = new Set<string>();
  const renew = async () => {
    const leaf = issue({ names: [host] });
    known.add(fingerprintOf(leaf));
    await show(sites.edge, sites.feed, aCertificate({ accountId: distribution.accountId, names: [host], id }, leaf));
  };
  await renew();
  const stop = new AbortController();
  const viewers = Array.from({ length: 4 }, async () => {
    let seen = 0;
    for (; !stop.signal.aborted; seen += 1) expect(known).toContain(await shownFor(host));
    return seen;
  });
  for (let count = 0; count < 100; count++) await renew();
  stop.abort();
  for (const seen of await Promise.all(viewers)) expect(seen).toBeGreaterThan(0);
});

test("hundreds who say half a hello hold nobody up, and are given up", { timeout: 60_000 }, async () => {
  const hello = await helloFor(neighbour.host);
  const sockets = await Promise.all(
    Array.from({ length: HALF_OPEN }, async (_, index) => {
      const socket = await connected();
      // Some say nothing, some a part, some all and then nothing.
      socket.write(hello.subarray(0, [0, 5, 100, hello.length][index % 4]));
      return socket;
    }),
  );
  const closed = sockets.map((socket) => once(socket, "close", { signal: AbortSignal.timeout(GIVEN_UP_WITHIN_MS) }));
  try {
    for (let count = 0; count < 20; count++) expect(await shownFor(neighbour.host)).toBe(neighbour.fingerprint);
    await Promise.all(closed);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test("a garbled hello is at most turned away", { timeout: 60_000 }, async () => {
  let seed = 7;
  const next = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (const host of [neighbour.host, plain]) {
    const hello = await helloFor(host);
    for (let count = 0; count < 500; count++) {
      const garbled = Buffer.from(hello);
      // Behind the record's head: otherwise OpenSSL does not read it at all.
      for (let flips = 1 + next(4); flips > 0; flips--) garbled[9 + next(garbled.length - 9)] = next(256);
      const socket = await connected();
      const answered = Promise.race([once(socket, "data"), once(socket, "close")]);
      socket.end(garbled);
      await answered;
      socket.destroy();
    }
  }
});

async function connected(): Promise<Socket> {
  const socket = createConnection({ host: "127.0.0.1", port: sites.edge.httpsPort });
  socket.on("error", () => {});
  // What is never read is never ended either.
  socket.resume();
  await once(socket, "connect");
  return socket;
}

/** The first bytes of a viewer that asks for a name, with HTTP/2 among its wishes. */
async function helloFor(servername: string): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const viewer = connect({ host: "127.0.0.1", port, servername, ALPNProtocols: ["h2", "http/1.1"] });
  viewer.on("error", () => {});
  const [socket] = await once(server, "connection");
  const [hello] = await once(socket, "data");
  viewer.destroy();
  socket.destroy();
  server.close();
  return hello;
}
