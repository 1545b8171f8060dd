// Which hosts a connection may be asked for: those of the name in its handshake, and those that its certificate covers.
import { randomUUID } from "node:crypto";
import { request } from "node:https";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { oldestTestNginx } from "../platform/embedded/test-services.ts";
import { aCertificate, createViewersAuthority, keepSecrets, show } from "./test-certificates.ts";
import { startTestSites, type TestSites } from "./test-site.ts";
import { ask, type HttpVersion } from "./test-viewer.ts";

const { issue } = createViewersAuthority();
const greedy = randomUUID();
let newest: TestSites;
let oldest: TestSites;

beforeAll(async () => {
  newest = await startTestSites();
  oldest = await startTestSites({ nginx: await oldestTestNginx() });
  for (const sites of [newest, oldest]) {
    // one.test and two.test share a certificate; three.test has none, and neither has alone.test.
    const accountId = randomUUID();
    await sites.serve({ accountId, hosts: ["one.test", "also-one.test"] });
    for (const host of ["two.test", "three.test", "*.wild.test"]) await sites.serve({ accountId, hosts: [host] });
    await sites.serve({ hosts: ["alone.test"] });
    // A customer has a certificate that names a stranger's host beside an own one.
    await sites.serve({ accountId: greedy, hosts: ["greedy.test"] });
    const claimed = ["greedy.test", "alone.test"];
    await show(sites.edge, sites.feed, aCertificate({ accountId: greedy, names: claimed }, issue({ names: claimed })));
    await sites.serve({ hosts: ["site.edgewright.localhost"] });
    const names = ["one.test", "two.test", "*.wild.test"];
    await show(sites.edge, sites.feed, aCertificate({ accountId, names }, issue({ names })));
  }
});

afterAll(async () => {
  await Promise.all([newest?.stop(), oldest?.stop()]);
});

const VERSIONS: readonly (readonly ["newest" | "oldest", HttpVersion])[] = [
  ["newest", "1.1"],
  ["newest", "2"],
  ["newest", "3"],
  ["oldest", "1.1"],
  ["oldest", "2"],
];

describe.each(VERSIONS)("on the %s nginx over HTTP/%s", (which, version) => {
  /** The status for a host, asked behind a name in the handshake. */
  async function statusFor(sni: string, host: string): Promise<number> {
    const sites = which === "newest" ? newest : oldest;
    return (await ask(sites.edge, { host: sni, path: "/", version, https: true, headers: [`Host: ${host}`] })).status;
  }

  test.each([
    ["the same name", "one.test", "one.test"],
    ["another name of the distribution", "one.test", "also-one.test"],
    ["another name of the distribution, without a certificate", "also-one.test", "one.test"],
    ["another distribution that the certificate covers", "one.test", "two.test"],
    ["one that its wildcard covers", "one.test", "a.wild.test"],
    ["the same name without a certificate of its own", "alone.test", "alone.test"],
    [
      "a name of the platform behind a name that has only the platform's certificate",
      "alone.test",
      "site.edgewright.localhost",
    ],
  ])("%s may be asked for", async (_, sni, host) => {
    expect(await statusFor(sni, host)).toBe(200);
  });

  test.each([
    ["another distribution that the certificate does not cover", "one.test", "three.test"],
    ["another distribution without certificates", "three.test", "alone.test"],
    ["another customer's behind a certificate", "one.test", "alone.test"],
    ["another customer's host that a certificate names all the same", "greedy.test", "alone.test"],
    ["a name below the wildcard's", "one.test", "a.b.wild.test"],
    ["a certificate's name behind one without", "alone.test", "one.test"],
    ["a distribution behind a name that nobody has", "nobody.test", "one.test"],
    ["a name of the platform behind a customer's certificate", "one.test", "site.edgewright.localhost"],
  ])("%s is misdirected", async (_, sni, host) => {
    expect(await statusFor(sni, host)).toBe(421);
  });
});

describe.each(["newest", "oldest"] as const)("on the %s nginx", (which) => {
  /** Without a name in the handshake. */
  async function statusWithoutName(host: string): Promise<number | undefined> {
    const { edge } = which === "newest" ? newest : oldest;
    const address = { host: "127.0.0.1", port: edge.httpsPort, servername: "", rejectUnauthorized: false };
    const signal = AbortSignal.timeout(5_000);
    return new Promise((resolve, reject) => {
      const asked = request({ ...address, headers: { host }, agent: false, signal });
      asked.once("response", (response) => resolve(response.resume().statusCode));
      asked.once("error", reject).end();
    });
  }

  test("who names nobody is served what the platform's certificate covers, and nothing else", async () => {
    expect(await statusWithoutName("site.edgewright.localhost")).toBe(200);
    expect(await statusWithoutName("one.test")).toBe(421);
    expect(await statusWithoutName("alone.test")).toBe(421);
  });

  test("the probe says which certificate is shown", async () => {
    const { edge, feed, serve } = which === "newest" ? newest : oldest;
    const { host, distribution, ask: askSite } = await serve();
    const headers = [`X-Edge-Probe: ${(await edge.state()).probe_secret}`];
    const probed = async () => JSON.parse((await askSite("/", { https: true, headers })).body);
    expect(await probed()).not.toHaveProperty("certificate");
    const certificate = aCertificate({ accountId: distribution.accountId, names: [host] }, issue({ names: [host] }));
    const record = feed.certificate(certificate.desired);
    await edge.apply([record]);
    await keepSecrets(edge, certificate.secrets);
    expect(await probed()).toMatchObject({ certificate: { id: record.id, rev: record.rev } });
  });
});
