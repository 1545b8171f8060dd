// Certificates by the name that is asked for: over HTTP/1.1, 2 and 3, on the newest and on the oldest nginx.
import { randomUUID, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { oldestTestNginx } from "../platform/embedded/test-services.ts";
import { aCertificate, createViewersAuthority, keepSecrets, type Leaf, show } from "./test-certificates.ts";
import { aDistribution } from "./test-feed.ts";
import { startTestSites, type TestSites } from "./test-site.ts";

const authority = createViewersAuthority();
const { issue } = authority;
const TAKEN = '"refused":[]';
let folder: string;
let newest: TestSites;
let oldest: TestSites;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgewright-tls-"));
  await writeFile(join(folder, "root.pem"), authority.root);
  newest = await startTestSites();
  oldest = await startTestSites({ nginx: await oldestTestNginx() });
});

afterAll(async () => {
  await Promise.all([newest?.stop(), oldest?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

interface Shown {
  readonly trusted: boolean;
  /** The leaf's fingerprint. */
  readonly leaf: string;
}

/** What a viewer is shown who asks for this name. */
async function shownBy(
  sites: TestSites,
  servername: string | undefined,
  options: ConnectionOptions = {},
): Promise<Shown> {
  const name = servername === undefined ? {} : { servername };
  const address = { host: "127.0.0.1", port: sites.edge.httpsPort };
  const socket = connect({ ...address, ...name, ca: authority.root, rejectUnauthorized: false, ...options });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(5_000) });
    return { trusted: socket.authorized, leaf: socket.getPeerCertificate().fingerprint256 };
  } finally {
    socket.destroy();
  }
}

const of = ({ chain }: Leaf): Shown => ({ trusted: true, leaf: new X509Certificate(chain).fingerprint256 });
const FALLBACK = { trusted: false };

describe.each(["newest", "oldest"] as const)("the %s nginx", (which) => {
  const sites = () => (which === "newest" ? newest : oldest);
  const shown = (name: string | undefined, options?: ConnectionOptions) => shownBy(sites(), name, options);

  async function serve(hosts?: readonly string[]) {
    const site = await sites().serve(hosts === undefined ? {} : { hosts });
    return { ...site, accountId: site.distribution.accountId };
  }

  const put = (desired: ReturnType<typeof aCertificate>) => show(sites().edge, sites().feed, desired);
  const apply = async (...records: Parameters<TestSites["edge"]["apply"]>[0]) =>
    JSON.stringify((await sites().edge.apply(records)).body);
  const { stringify } = JSON;

  test("shows the certificate of the name, with its intermediate, until it is removed", async () => {
    const { host, accountId } = await serve();
    const leaf = issue({ names: [host] });
    expect(await shown(host)).toMatchObject(FALLBACK);
    const certificate = aCertificate({ accountId, names: [host] }, leaf);
    expect(await put(certificate)).toContain(TAKEN);
    expect(await shown(host)).toEqual(of(leaf));
    expect(await shown(host.toUpperCase())).toEqual(of(leaf));
    await apply(sites().feed.remove(certificate.desired.id, "certificate"));
    expect(await shown(host)).toMatchObject(FALLBACK);
  });

  test("shows an ECDSA certificate to those who read it, and RSA to the others", async () => {
    const { host, accountId } = await serve();
    const [ecdsa, rsa] = [issue({ names: [host] }), issue({ names: [host], type: "rsa" })];
    expect(await put(aCertificate({ accountId, names: [host] }, rsa, ecdsa))).toContain(TAKEN);
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const only = (sigalgs: string) => shown(host, { sigalgs, minVersion: version, maxVersion: version });
      // The viewer's own order plays no part.
      expect(await only("rsa_pss_rsae_sha256:RSA+SHA256:ECDSA+SHA256")).toEqual(of(ecdsa));
      expect((await only("rsa_pss_rsae_sha256:RSA+SHA256")).leaf).toEqual(of(rsa).leaf);
    }
  });

  test("a wildcard stands for one label, and an exact name comes before it", async () => {
    const { host, accountId } = await serve([`*.wild-${which}.test`, `wild-${which}.test`]);
    const zone = host.replace(/.*/, `wild-${which}.test`);
    const [wild, exact] = [issue({ names: [`*.${zone}`], toDays: 300 }), issue({ names: [`a.${zone}`], toDays: 100 })];
    await put(aCertificate({ accountId, names: [`*.${zone}`] }, wild));
    await put(aCertificate({ accountId, names: [`a.${zone}`] }, exact));
    expect(await shown(`a.${zone}`)).toEqual(of(exact));
    expect(await shown(`b.${zone}`)).toEqual(of(wild));
    expect(await shown(zone)).toMatchObject(FALLBACK);
    expect(await shown(`a.b.${zone}`)).toMatchObject(FALLBACK);
  });

  test("of several for a name the one that ends last among those that hold now", async () => {
    const { host, accountId } = await serve();
    const issued = (fromDays: number, toDays: number) => issue({ names: [host], fromDays, toDays });
    const [expired, short, long, future] = [issued(-90, -1), issued(-1, 10), issued(-1, 90), issued(10, 400)];
    const show = (leaf: Leaf) => put(aCertificate({ accountId, names: [host] }, leaf));
    await show(expired);
    // It says who is asked; the fallback certificate does not.
    expect((await shown(host)).leaf).toEqual(of(expired).leaf);
    for (const leaf of [long, future, short]) await show(leaf);
    expect(await shown(host)).toEqual(of(long));
  });

  test("key and certificate may come in any order; the former certificate serves until both are there", async () => {
    const { host, accountId } = await serve();
    const [former, next] = [issue({ names: [host] }), issue({ names: [host] })];
    const first = aCertificate({ accountId, names: [host] }, former);
    expect(await apply(sites().feed.certificate(first.desired))).toContain(TAKEN);
    expect(await shown(host)).toMatchObject(FALLBACK);
    await keepSecrets(sites().edge, first.secrets);
    expect(await shown(host)).toEqual(of(former));
    const second = aCertificate({ accountId, names: [host], id: first.desired.id }, next);
    expect(await apply(sites().feed.certificate(second.desired))).toContain(TAKEN);
    expect(await shown(host)).toEqual(of(former));
    // And it does so over a version that never gets its key.
    const third = aCertificate({ accountId, names: [host], id: first.desired.id }, next);
    expect(await apply(sites().feed.certificate(third.desired))).toContain(TAKEN);
    expect(await shown(host)).toEqual(of(former));
    await keepSecrets(sites().edge, third.secrets);
    expect(await shown(host)).toEqual(of(next));
  });

  test("a certificate lets go of a name that its next version does not have", async () => {
    const { accountId } = await serve([`kept-${which}.test`, `left-${which}.test`]);
    const [kept, left] = [`kept-${which}.test`, `left-${which}.test`];
    const [both, one] = [issue({ names: [kept, left] }), issue({ names: [kept] })];
    const first = aCertificate({ accountId, names: [kept, left] }, both);
    await put(first);
    expect(await shown(left)).toEqual(of(both));
    await put(aCertificate({ accountId, names: [kept], id: first.desired.id }, one));
    expect(await shown(left)).toMatchObject(FALLBACK);
    expect(await shown(kept)).toEqual(of(one));
  });

  test("a customer's certificate serves no other customer's names, the platform's serves all", async () => {
    const { host } = await serve();
    const [stranger, platform] = [issue({ names: [host] }), issue({ names: [host] })];
    await put(aCertificate({ accountId: randomUUID(), names: [host] }, stranger));
    expect(await shown(host)).toMatchObject(FALLBACK);
    await put(aCertificate({ accountId: "00000000-0000-0000-0000-000000000000", names: [host] }, platform));
    expect(await shown(host)).toEqual(of(platform));
  });

  test("a record that cannot be shown is refused with its reason, and the last good version stays", async () => {
    const { host, accountId } = await serve();
    const good = aCertificate({ accountId, names: [host] }, issue({ names: [host] }));
    const { id } = good.desired;
    await put(good);
    const body = JSON.parse(sites().feed.certificate(good.desired).body);
    const [chain] = body.chains;
    const weak = issue({ names: [host], type: "rsa", rsaBits: 1024 });
    const old = issue({ names: [host], digest: "sha1" });
    const bodies: readonly [Record<string, unknown>, string][] = [
      [{ format: 2 }, "not of a format"],
      [{ names: [] }, "names"],
      [{ names: [host, "other.test"] }, "chains.0.chain: it is not for other.test"],
      [{ chains: [{ ...chain, chain: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" }] }, "not PEM"],
      [{ chains: [{ ...chain, chain: `${chain.chain}${chain.chain.slice(0, 300)}` }] }, "not PEM"],
      [{ chains: [{ ...chain, type: "rsa" }] }, "its key is not rsa"],
      [{ chains: [chain, chain] }, "two of one type"],
      [{ chains: [chain, chain, chain] }, "chains"],
      [{ chains: [{ ...chain, chain: chain.chain.repeat(6) }] }, "more than 10 certificates"],
      [{ chains: [{ ...chain, type: "rsa", chain: weak.chain }] }, "ee key too small"],
      [{ chains: [{ ...chain, chain: old.chain }] }, "md too weak"],
      [{ chains: [{ ...chain, chain: `${chain.chain}${weak.key}` }] }, "it holds a private key"],
    ];
    for (const [fields, reason] of bodies) {
      const record = sites().feed.putBody(id, stringify({ ...body, ...fields }), "certificate");
      expect(await apply(record)).toContain(reason);
    }
    expect(await apply(sites().feed.putBody(id, "{", "certificate"))).toContain("not JSON");
    expect(await shown(host)).toMatchObject({ trusted: true });
  });

  test("a key of another certificate, or no key at all, is refused without a word of it", async () => {
    const { host, accountId } = await serve();
    const [one, other] = [issue({ names: [host] }), issue({ names: [host] })];
    const good = aCertificate({ accountId, names: [host] }, one);
    await put(good);
    const foreign = aCertificate({ accountId, names: [host], id: good.desired.id }, { ...one, key: other.key });
    expect(await put(foreign)).toContain("chains.0: its key: key values mismatch");
    const garbled = aCertificate({ accountId, names: [host], id: good.desired.id }, { ...one, key: "garbled" });
    expect(await put(garbled)).toMatch(/chains.0: its key is not PEM"/);
    expect(await shown(host)).toEqual(of(one));
    // Where the key comes last, the handshake finds out, and shows what there was.
    const late = aCertificate({ accountId, names: [host], id: good.desired.id }, { ...other, key: one.key });
    expect(await apply(sites().feed.certificate(late.desired))).toContain(TAKEN);
    await keepSecrets(sites().edge, late.secrets);
    expect(await shown(host)).toEqual(of(one));
    expect(await sites().edge.errorLog()).toContain("its key: key values mismatch");
    expect(await sites().edge.errorLog()).not.toContain("PRIVATE KEY");
  });

  test("a name has at most eight certificates, and a refused one takes no other name", async () => {
    const { accountId } = await serve([`full-${which}.test`, `free-${which}.test`]);
    const [full, free] = [`full-${which}.test`, `free-${which}.test`];
    const leaf = issue({ names: [full, free] });
    for (let count = 0; count < 8; count++) await put(aCertificate({ accountId, names: [full] }, leaf));
    expect(await put(aCertificate({ accountId, names: [free, full] }, leaf))).toContain(
      `${full}: has 8 certificates already`,
    );
    expect(await shown(full)).toEqual(of(leaf));
    expect(await shown(free)).toMatchObject(FALLBACK);
  });

  test("without a name, and for odd ones, the fallback certificate", async () => {
    expect(await shown(undefined)).toMatchObject(FALLBACK);
    const label = "a".repeat(63);
    for (const name of ["*", "*.test", "a|b", "..", "a b", "-", [label, label, label, label.slice(2)].join(".")])
      expect(await shown(name)).toMatchObject(FALLBACK);
    expect(await sites().edge.errorLog()).not.toContain("stack traceback");
  });

  test("what is on the disk serves after a restart as soon as its keys are there", async () => {
    const { edge, feed } = sites();
    const distribution = aDistribution({ hosts: [`disk-${which}.test`], originPort: sites().origin.port });
    const leaf = issue({ names: distribution.hosts });
    const { desired, secrets } = aCertificate({ accountId: distribution.accountId, names: distribution.hosts }, leaf);
    await edge.writeState({
      trust: feed.trust,
      base: feed.checkpoint([feed.certificate(desired), feed.put(distribution)]),
    });
    await edge.restart();
    const [host] = distribution.hosts;
    expect(await shown(host)).toMatchObject(FALLBACK);
    await keepSecrets(edge, secrets);
    expect(await shown(host)).toEqual(of(leaf));
    await edge.reload();
    expect(await shown(host)).toEqual(of(leaf));
    await edge.pin({ [`origin.test:${sites().origin.port}`]: ["127.0.0.1"] });
  });
});

test("one that begins, and one that ends, is noticed though nothing comes", async () => {
  const soonDays = 3 / 86_400;
  const { host, distribution } = await newest.serve();
  const { accountId } = distribution;
  const put = (leaf: Leaf) => show(newest.edge, newest.feed, aCertificate({ accountId, names: [host] }, leaf));
  const [now, next] = [issue({ names: [host], toDays: 10 }), issue({ names: [host], fromDays: soonDays })];
  await put(next);
  await put(now);
  await shownBy(newest, host);
  await expect.poll(() => shownBy(newest, host), { timeout: 15_000 }).toEqual(of(next));

  const wild = await newest.serve({ hosts: ["*.ending.test"] });
  const [ending, lasting] = [
    issue({ names: ["a.ending.test"], toDays: soonDays }),
    issue({ names: ["*.ending.test"] }),
  ];
  for (const [names, leaf] of [
    [["a.ending.test"], ending],
    [["*.ending.test"], lasting],
  ] as const) {
    await show(newest.edge, newest.feed, aCertificate({ accountId: wild.distribution.accountId, names }, leaf));
  }
  await shownBy(newest, "a.ending.test");
  await expect.poll(() => shownBy(newest, "a.ending.test"), { timeout: 15_000 }).toEqual(of(lasting));
});

test.each(["1.1", "2", "3"] as const)("HTTP/%s is served with it", async (version) => {
  const { host, distribution, ask } = await newest.serve();
  await show(
    newest.edge,
    newest.feed,
    aCertificate({ accountId: distribution.accountId, names: [host] }, issue({ names: [host] })),
  );
  const trusting = ["--no-insecure", "--cacert", join(folder, "root.pem")];
  expect(await ask("/", { version, https: true, curl: trusting })).toMatchObject({ status: 200, version });
  const { ask: askOther } = await newest.serve();
  await expect(askOther("/", { version, https: true, curl: trusting })).rejects.toThrow();
});
