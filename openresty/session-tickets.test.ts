// Sessions are resumed by tickets: over reloads, on every edge of a group, for one distribution alone, and only for hours.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, type SecureVersion } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { NginxInstallation } from "../platform/embedded/nginx.ts";
import { oldestTestNginx, testNginx } from "../platform/embedded/test-services.ts";
import { keepSecrets } from "./test-certificates.ts";
import { startTestEdge, type TestEdge } from "./test-edge.ts";
import { aDistribution, createTestFeed } from "./test-feed.ts";

const SPECS = fileURLToPath(new URL("spec", import.meta.url));
/** Under this id the agent brings what tickets are sealed by. */
const ROOT = "00000000-0000-0000-0000-7469636b6574";

const feed = createTestFeed();
const distributions = [aDistribution({ hosts: ["one.test", "also-one.test"] }), aDistribution({ hosts: ["two.test"] })];
const state = { trust: feed.trust, base: feed.checkpoint(distributions.map(feed.put)) };
const start = (nginx: NginxInstallation) => startTestEdge({ state, nginx, specs: SPECS });

interface Session {
  readonly resumed: boolean;
  /** What the next connection is resumed by. */
  readonly ticket: Buffer;
  /** The name of the key that has sealed the ticket. */
  readonly key: string;
}

/** Makes a connection and waits for its ticket. */
async function visit(edge: TestEdge, servername: string, version: SecureVersion, ticket?: Buffer): Promise<Session> {
  const versions = { minVersion: version, maxVersion: version };
  const address = { host: "127.0.0.1", port: edge.httpsPort, servername, rejectUnauthorized: false };
  const socket = connect({ ...address, ...versions, ...(ticket === undefined ? {} : { session: ticket }) });
  const signal = AbortSignal.timeout(5_000);
  let newest: Buffer | undefined;
  socket.on("session", (session: Buffer) => {
    newest = session;
  });
  await once(socket, "secureConnect", { signal });
  const resumed = socket.isSessionReused();
  // The ticket of TLS 1.2 comes within the handshake, that of TLS 1.3 behind it and before any answer.
  if (version === "TLSv1.2") newest = socket.getSession();
  socket.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`);
  socket.resume();
  await once(socket, "close", { signal });
  if (newest === undefined) throw new Error("no ticket came");
  return { resumed, ticket: newest, key: keyNameIn(newest) };
}

/** In the DER of OpenSSL's session ([10]: the ticket), the ticket's first sixteen bytes. */
function keyNameIn(session: Buffer): string {
  const at = session.findLastIndex(
    (byte, index) => byte === 0xaa && session[index + 1] === 0x81 && session[index + 3] === 0x04,
  );
  return session.subarray(at + 6, at + 22).toString("hex");
}

describe.each(["newest", "oldest"] as const)("on the %s nginx", (which) => {
  const versions = ["TLSv1.2", "TLSv1.3"] as const;
  let nginx: NginxInstallation;
  let edge: TestEdge;
  let root: string;

  beforeAll(async () => {
    nginx = which === "newest" ? await testNginx() : await oldestTestNginx();
    edge = await start(nginx);
  });

  afterAll(async () => {
    await edge?.stop();
  });

  beforeEach(async () => {
    root = randomBytes(32).toString("base64");
    await keepSecrets(edge, { [ROOT]: root });
    await turnClock(0);
  });

  async function turnClock(hours: number): Promise<void> {
    const { body } = await edge.control("GET", `/spec?spec=turned_clock&hours=${hours}`);
    expect(body).toMatchObject({ failures: [] });
  }

  test.each(versions)("a session of %s is resumed, and by a new key after four hours", async (version) => {
    const first = await visit(edge, "one.test", version);
    expect(first.resumed).toBe(false);
    expect(await visit(edge, "one.test", version, first.ticket)).toMatchObject({ resumed: true, key: first.key });
    await turnClock(4);
    const second = await visit(edge, "one.test", version, first.ticket);
    expect(second.resumed).toBe(true);
    // Sealed anew: it outlives the change that the first does not.
    expect(second.key).not.toBe(first.key);
    await turnClock(8);
    expect((await visit(edge, "one.test", version, first.ticket)).resumed).toBe(false);
    expect((await visit(edge, "one.test", version, second.ticket)).resumed).toBe(true);
  });

  test.each(versions)("a ticket of %s from an edge whose clock is ahead is good", async (version) => {
    await turnClock(4);
    const ahead = await visit(edge, "one.test", version);
    await turnClock(0);
    expect((await visit(edge, "one.test", version, ahead.ticket)).resumed).toBe(true);
    await turnClock(-4);
    expect((await visit(edge, "one.test", version, ahead.ticket)).resumed).toBe(false);
  });

  test.each(versions)(
    "a session of %s is resumed over a reload and a restart, and by the other edges of the group",
    async (version) => {
      const { ticket } = await visit(edge, "one.test", version);
      await edge.reload();
      expect((await visit(edge, "one.test", version, ticket)).resumed).toBe(true);
      const other = await start(nginx);
      try {
        expect((await visit(other, "one.test", version, ticket)).resumed).toBe(false);
        await keepSecrets(other, { [ROOT]: root });
        expect((await visit(other, "one.test", version, ticket)).resumed).toBe(true);
      } finally {
        await other.stop();
      }
      await edge.restart();
      // Before the agent is there the keys are the edge's own: not those of the files.
      const own = await visit(edge, "one.test", version, ticket);
      expect(own.resumed).toBe(false);
      const file = await readFile(join(edge.home, "tls", "ticket-1.key"));
      expect(own.key).not.toBe(file.subarray(0, 16).toString("hex"));
      expect((await visit(edge, "one.test", version, own.ticket)).resumed).toBe(true);
      await keepSecrets(edge, { [ROOT]: root });
      expect((await visit(edge, "one.test", version, ticket)).resumed).toBe(true);
    },
  );

  test.each(versions)("a session of %s is resumed for its own distribution alone", async (version) => {
    const { ticket } = await visit(edge, "one.test", version);
    expect((await visit(edge, "also-one.test", version, ticket)).resumed).toBe(true);
    for (const other of ["two.test", "nobody.test"])
      expect((await visit(edge, other, version, ticket)).resumed).toBe(false);
    const nobody = await visit(edge, "nobody.test", version);
    expect((await visit(edge, "one.test", version, nobody.ticket)).resumed).toBe(false);
  });

  test("another secret of the group ends all sessions", async () => {
    const { ticket } = await visit(edge, "one.test", "TLSv1.3");
    await keepSecrets(edge, { [ROOT]: randomBytes(32).toString("base64") });
    expect((await visit(edge, "one.test", "TLSv1.3", ticket)).resumed).toBe(false);
  });

  test("nothing of it is in the log", async () => {
    expect(await edge.errorLog()).not.toContain("tickets");
  });
});
