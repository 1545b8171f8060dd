// The platform's certificate stands in for hosts of distributions that have none yet: it is shown, and nothing follows from it.
import { randomUUID, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PLATFORM_ACCOUNT } from "../agents/contract.ts";
import { aCertificate, createViewersAuthority, keepSecrets, type Leaf, show } from "./test-certificates.ts";
import { NGINXES } from "./test-nginxes.ts";
import { startTestSites, type TestSites } from "./test-site.ts";
import { ask } from "./test-viewer.ts";

const ZONE = ["zone.test", "*.zone.test", "*.cdn.zone.test"];
const VERSIONS = ["1.1", "2", "3"] as const;
const { issue } = createViewersAuthority();
const fingerprintOf = ({ chain }: Pick<Leaf, "chain">) => new X509Certificate(chain).fingerprint256;

describe.each(NGINXES)("on %s", (name, install) => {
  const versions = name === "the oldest nginx" ? VERSIONS.slice(0, 2) : VERSIONS;
  const platform = issue({ names: ZONE });
  const certificate = aCertificate({ accountId: PLATFORM_ACCOUNT, names: ZONE }, platform);
  let sites: TestSites;
  let fallback: string;

  beforeAll(async () => {
    sites = await startTestSites({ nginx: await install() });
    const hsts = { maxAgeSeconds: 31_536_000, includeSubdomains: true, preload: false };
    await sites.serve({ hosts: ["bare.test", "*.wild.test"], hsts });
    for (const host of ["one.cdn.zone.test", "other.test", "site.edgewright.localhost"])
      await sites.serve({ hosts: [host] });
    fallback = await shown(undefined);
    expect(await shown("bare.test")).toBe(fallback);
    await put(certificate);
  });

  afterAll(async () => {
    await sites?.stop();
  });

  const put = (one: ReturnType<typeof aCertificate>) => show(sites.edge, sites.feed, one);
  const remove = (id: string) => sites.edge.apply([sites.feed.remove(id, "certificate")]);

  /** The fingerprint of what a viewer is shown who asks for this name. */
  async function shown(servername: string | undefined): Promise<string> {
    const named = servername === undefined ? {} : { servername };
    const socket = connect({ host: "127.0.0.1", port: sites.edge.httpsPort, rejectUnauthorized: false, ...named });
    try {
      await once(socket, "secureConnect", { signal: AbortSignal.timeout(5_000) });
      return socket.getPeerCertificate().fingerprint256;
    } finally {
      socket.destroy();
    }
  }

  test("it is shown for every distribution's host without a certificate, and to nobody else", async () => {
    for (const host of ["bare.test", "BARE.test", "a.wild.test", "other.test", "one.cdn.zone.test"])
      expect(await shown(host)).toBe(fingerprintOf(platform));
    for (const host of [undefined, "nobody.test", "a.bare.test", "stand-in", "STAND-IN", "*", "*.wild"])
      expect(await shown(host)).toBe(fallback);
  });

  test.each(versions)(
    "HTTP/%s is served behind it, and no host is covered by it that is another's",
    async (version) => {
      const asked = async (sni: string, host: string) => {
        const headers = [`Host: ${host}`];
        const args = version === "3" ? ["-w", "%{certs}"] : [];
        return ask(sites.edge, { host: sni, path: "/", version, https: true, headers, curl: args });
      };
      const answer = await asked("bare.test", "bare.test");
      expect(answer).toMatchObject({ status: 200, version });
      if (version === "3") {
        const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(answer.body)?.[0];
        expect(fingerprintOf({ chain: pem ?? "" })).toBe(fingerprintOf(platform));
      }
      expect(answer.headers).not.toHaveProperty("strict-transport-security");
      expect((await asked("bare.test", "a.wild.test")).status).toBe(200);
      // What stands in names these; what they are asked behind is not covered by it all the same.
      expect((await asked("bare.test", "one.cdn.zone.test")).status).toBe(421);
      expect((await asked("other.test", "bare.test")).status).toBe(421);
      expect((await asked("one.cdn.zone.test", "bare.test")).status).toBe(421);
      expect((await asked("one.cdn.zone.test", "one.cdn.zone.test")).status).toBe(200);
      // And what could be asked for behind the fallback certificate still can.
      expect((await asked("bare.test", "site.edgewright.localhost")).status).toBe(200);
    },
  );

  test("the probe does not take it for the host's", async () => {
    const headers = [`X-Edge-Probe: ${(await sites.edge.state()).probe_secret}`];
    const { body } = await ask(sites.edge, { host: "bare.test", path: "/", https: true, headers });
    expect(JSON.parse(body)).not.toHaveProperty("certificate");
  });

  test("the host's own takes its place as soon as its key is there, and gives it back when it is removed", async () => {
    const { host, distribution } = await sites.serve();
    const own = issue({ names: [host] });
    const { desired, secrets } = aCertificate({ accountId: distribution.accountId, names: [host] }, own);
    await sites.edge.apply([sites.feed.certificate(desired)]);
    expect(await shown(host)).toBe(fingerprintOf(platform));
    await keepSecrets(sites.edge, secrets);
    expect(await shown(host)).toBe(fingerprintOf(own));
    await remove(desired.id);
    expect(await shown(host)).toBe(fingerprintOf(platform));
  });

  test("a renewed one follows it, over a reload; without one the fallback certificate is back", async () => {
    const renewed = issue({ names: ZONE });
    await put(aCertificate({ accountId: PLATFORM_ACCOUNT, names: ZONE, id: certificate.desired.id }, renewed));
    expect(await shown("bare.test")).toBe(fingerprintOf(renewed));
    await sites.edge.reload();
    expect(await shown("bare.test")).toBe(fingerprintOf(renewed));
    await remove(certificate.desired.id);
    expect(await shown("bare.test")).toBe(fallback);
    await put(aCertificate({ accountId: randomUUID(), names: ZONE }, issue({ names: ZONE })));
    expect(await shown("bare.test")).toBe(fallback);
  });

  test("the platform may have more than stand in, and no record can take their place", async () => {
    for (let count = 0; count < 9; count++) {
      const names = [`n${count}.zone.test`];
      expect(await put(aCertificate({ accountId: PLATFORM_ACCOUNT, names }, issue({ names })))).toContain(
        '"refused":[]',
      );
    }
    expect(await shown("n8.zone.test")).not.toBe(fallback);
    expect(await shown("bare.test")).not.toBe(fallback);
    const { body } = sites.feed.certificate(certificate.desired);
    const claiming = JSON.stringify({ ...JSON.parse(body), account: randomUUID(), names: ["STAND-IN"] });
    const { body: answer } = await sites.edge.apply([sites.feed.putBody(randomUUID(), claiming, "certificate")]);
    expect(JSON.stringify(answer)).toContain("names.0");
  });
});
