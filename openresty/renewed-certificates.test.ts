// Renewals under viewers who never stop: new connections over HTTP/1.1, 2 and 3 while one certificate takes the place of
// another, again and again, on the newest and on the oldest nginx. No handshake fails, nothing is reloaded, and whoever
// comes after a change was taken sees it.
import { X509Certificate } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { oldestTestNginx } from "../platform/embedded/test-services.ts";
import { aCertificate, createViewersAuthority, keepSecrets, type Leaf } from "./test-certificates.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";
import { ask } from "./test-viewer.ts";

const PLATFORM = "00000000-0000-0000-0000-000000000000";
const RENEWALS = 12;
/** Of each kind of viewer, before the next renewal comes. */
const HANDSHAKES_EACH = 3;

const authority = createViewersAuthority();
let folder: string;
let newest: TestSites;
let oldest: TestSites;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgewright-renewed-"));
  await writeFile(join(folder, "root.pem"), authority.root);
  newest = await startTestSites({ workers: 2 });
  oldest = await startTestSites({ workers: 2, nginx: await oldestTestNginx() });
});

afterAll(async () => {
  await Promise.all([newest?.stop(), oldest?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

const serialOf = (leaf: Pick<Leaf, "chain">) => new X509Certificate(leaf.chain).serialNumber.toLowerCase();

/** Opens a connection, believing the authority alone, and says whose certificate it was shown. Throws when it is none. */
type Viewer = () => Promise<string>;

function viewersOf({ edge }: TestSites, site: TestSite, versions: readonly ("1.1" | "2" | "3")[]): readonly Viewer[] {
  const address = { host: "127.0.0.1", port: edge.httpsPort, servername: site.host, ca: authority.root };
  const serialIn = (socket: TLSSocket) => socket.getPeerCertificate().serialNumber.toLowerCase();
  const within = () => ({ signal: AbortSignal.timeout(10_000) });
  const viewers: Record<"1.1" | "2" | "3", Viewer> = {
    "1.1": async () => {
      const socket = connect({ ...address, ALPNProtocols: ["http/1.1"] });
      try {
        await once(socket, "secureConnect", within());
        socket.write(`GET / HTTP/1.1\r\nHost: ${site.host}\r\n\r\n`);
        const [head] = await once(socket, "data", within());
        expect(String(head)).toMatch(/^HTTP\/1.1 200/);
        return serialIn(socket);
      } finally {
        socket.destroy();
      }
    },
    "2": async () => {
      const socket = connect({ ...address, ALPNProtocols: ["h2"] });
      const session = connectHttp2(`https://${site.host}`, { createConnection: () => socket });
      try {
        await once(session, "connect", within());
        const [headers] = await once(session.request({ ":path": "/" }).resume(), "response", within());
        expect(headers[":status"]).toBe(200);
        return serialIn(socket);
      } finally {
        session.destroy();
      }
    },
    "3": async () => {
      const trusting = ["--no-insecure", "--cacert", join(folder, "root.pem"), "-w", "%{certs}"];
      const { status, version, body } = await site.ask("/", { version: "3", curl: trusting });
      expect([status, version]).toEqual([200, "3"]);
      const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(body)?.[0];
      return serialOf({ chain: pem ?? "" });
    },
  };
  return versions.map((version) => viewers[version]);
}

/** Each kind of viewer comes again and again, until all have come after the last of the renewals. */
async function watchRenewals(viewers: readonly Viewer[], renew: () => Promise<string>, first: string): Promise<void> {
  const taken = [first];
  const counts = viewers.map(() => 0);
  let isOver = false;
  const visits = new EventEmitter();
  const shown = new Set<string>();
  const loops = viewers.map(async (view, index) => {
    while (!isOver) {
      const known = taken.length;
      const seen = await view();
      const former = taken.slice(0, known - 1);
      expect(former, `viewer ${index} saw what had been replaced before it came`).not.toContain(seen);
      counts[index] = (counts[index] ?? 0) + 1;
      shown.add(seen);
      visits.emit("one");
    }
  });
  async function untilAllCame(): Promise<void> {
    const wanted = counts.map((count) => count + HANDSHAKES_EACH);
    while (counts.some((count, index) => count < (wanted[index] ?? 0))) {
      await Promise.race([once(visits, "one"), ...loops]);
    }
  }
  try {
    for (let turn = 0; turn < RENEWALS; turn += 1) {
      await untilAllCame();
      taken.push(await renew());
    }
    await untilAllCame();
  } finally {
    isOver = true;
    await Promise.all(loops);
  }
  expect([...shown]).toEqual(taken);
}

describe.each(["newest", "oldest"] as const)("the %s nginx", (which) => {
  const sites = () => (which === "newest" ? newest : oldest);
  const versions = which === "newest" ? (["1.1", "2", "3"] as const) : (["1.1", "2"] as const);

  /** As the agent does it: the key, the record, and the former key away. */
  function renewer(wish: { accountId: string; names: readonly string[] }) {
    let former = aCertificate(wish, authority.issue(wish));
    async function put(next: typeof former, gone: readonly string[]): Promise<void> {
      await keepSecrets(sites().edge, next.secrets);
      const { body } = await sites().edge.apply([sites().feed.certificate(next.desired)]);
      expect(body).toMatchObject({ refused: [] });
      const { status } = await sites().edge.control(
        "PUT",
        "/secrets",
        JSON.stringify(Object.fromEntries(gone.map((id) => [id, false]))),
      );
      expect(status).toBe(200);
    }
    return {
      begin: async () => {
        await put(former, []);
        return serialOf({ chain: former.desired.chains[0]?.chain ?? "" });
      },
      renew: async () => {
        const leaf = authority.issue(wish);
        const next = aCertificate({ ...wish, id: former.desired.id }, leaf);
        await put(next, Object.keys(former.secrets));
        former = next;
        return serialOf(leaf);
      },
    };
  }

  test("a renewal fails no handshake, reloads nothing, and is what everybody sees who comes after it", async () => {
    const site = await sites().serve();
    const { edge } = sites();
    const [workers, log] = [await edge.workers(), await edge.errorLog()];
    const { begin, renew } = renewer({ accountId: site.distribution.accountId, names: [site.host] });
    await watchRenewals(viewersOf(sites(), site, versions), renew, await begin());
    expect(await edge.workers()).toEqual(workers);
    expect((await edge.errorLog()).slice(log.length)).not.toMatch(/\[(error|crit|alert|emerg)\]|reconfigur/);
  });

  test("so is one of the platform's wildcard, which serves every customer's name below it", async () => {
    const zone = `cdn-${which}.test`;
    const site = await sites().serve({ hosts: [`shop.${zone}`] });
    const { begin, renew } = renewer({ accountId: PLATFORM, names: [zone, `*.${zone}`] });
    const named = { ...site, host: `shop.${zone}`, ask: askAs(sites(), `shop.${zone}`) };
    await watchRenewals(viewersOf(sites(), named, versions), renew, await begin());
  });
});

function askAs(sites: TestSites, host: string): TestSite["ask"] {
  return (path, asked = {}) => ask(sites.edge, { host, path, ...asked });
}
