// Certificates by the name that is asked for: over HTTP/1.1, 2 and 3, on the newest and on the oldest nginx.
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type ConnectionOptions, connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DesiredDistribution } from "../edge-templates/index.ts";
import { oldestTestNginx } from "../platform/embedded/test-services.ts";
import { aCertificate, createViewersAuthority, type Leaf, show } from "./test-certificates.ts";
import { startTestSites, type TestSites } from "./test-site.ts";

const authority = createViewersAuthority();
const { issue } = authority;
let newest: TestSites;
let oldest: TestSites;

beforeAll(async () => {
  newest = await startTestSites();
  oldest = await startTestSites({ nginx: await oldestTestNginx() });
});

afterAll(async () => {
  await Promise.all([newest?.stop(), oldest?.stop()]);
});

/** What a viewer is shown who asks for this name. */
async function shownTo(sites: TestSites, servername: string | undefined, options: ConnectionOptions = {}) {
  const name = servername === undefined ? {} : { servername };
  const address = { host: "127.0.0.1", port: sites.edge.httpsPort };
  const socket = connect({ ...address, ...name, ca: authority.root, rejectUnauthorized: false, ...options });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(5_000) });
    return { trusted: socket.authorized, raw: socket.getPeerCertificate().raw };
  } finally {
    socket.destroy();
  }
}

const rawOf = ({ chain }: Leaf) => new X509Certificate(chain).raw;

describe.each(["newest", "oldest"] as const)("the %s nginx", (which) => {
  const sites = () => (which === "newest" ? newest : oldest);
  const serve = async (fields: Partial<DesiredDistribution> = {}) => {
    const site = await sites().serve(fields);
    return { ...site, accountId: site.distribution.accountId };
  };

  test("shows the certificate of the name, with its intermediate", async () => {
    const { host, accountId } = await serve();
    const leaf = issue({ names: [host] });
    expect(await shownTo(sites(), host)).toMatchObject({ trusted: false });
    expect(await show(sites().edge, sites().feed, aCertificate({ accountId, names: [host] }, leaf))).toContain(
      '"refused":[]',
    );
    expect(await shownTo(sites(), host)).toEqual({ trusted: true, raw: rawOf(leaf) });
  });
});
