// `npm run bench:tls`: what testssl.sh finds on an edge with an ECDSA and an RSA certificate, on the newest nginx and on the
// oldest that an edge may run. Ends with 1 when anything is above LOW. BREACH is no matter of the edge: it needs a page that
// shows a secret beside what a viewer wrote, and compression of such pages is the customer's to switch off.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aCertificate, createViewersAuthority, show } from "../../openresty/test-certificates.ts";
import { answering, startTestSites } from "../../openresty/test-site.ts";
import type { NginxInstallation } from "../../platform/embedded/nginx.ts";
import { oldestTestNginx, testNginx } from "../../platform/embedded/test-services.ts";
import { type Finding, testssl } from "../peers/testssl.ts";

const HOST = "www.tls.test";
/** WARN is a check that could not be made here. */
const GRAVE = new Set(["MEDIUM", "HIGH", "CRITICAL", "FATAL"]);

async function findingsOn(nginx: NginxInstallation, folder: string): Promise<readonly Finding[]> {
  const authority = createViewersAuthority();
  const root = join(folder, "root.pem");
  await mkdir(folder);
  await writeFile(root, authority.root);
  const sites = await startTestSites({ nginx });
  try {
    sites.origin.handle(answering({ "content-type": "text/html", "cache-control": "max-age=60" }));
    const hsts = { maxAgeSeconds: 31_536_000, includeSubdomains: true, preload: false };
    const { distribution } = await sites.serve({ hosts: [HOST], hsts });
    const leaves = (["ecdsa", "rsa"] as const).map((type) => authority.issue({ names: [HOST], type }));
    const certificate = aCertificate({ accountId: distribution.accountId, names: [HOST] }, ...leaves);
    await show(sites.edge, sites.feed, certificate);
    return await testssl({ host: HOST, port: sites.edge.httpsPort, authority: root, folder });
  } finally {
    await sites.stop();
  }
}

function print(title: string, findings: readonly Finding[]): void {
  const counts = new Map<string, number>();
  for (const { severity } of findings) counts.set(severity, (counts.get(severity) ?? 0) + 1);
  process.stdout.write(`\n${title}: ${[...counts].map(([severity, count]) => `${count} ${severity}`).join(", ")}\n`);
  for (const { id, severity, finding } of findings) {
    const isNews = severity !== "OK" && severity !== "INFO";
    if (isNews || ["overall_grade", "final_score"].includes(id)) {
      process.stdout.write(`  ${severity} ${id}: ${finding}\n`);
    }
  }
}

const folder = await mkdtemp(join(tmpdir(), "edgewright-testssl-"));
try {
  for (const [title, nginx] of [
    ["newest", await testNginx()],
    ["oldest", await oldestTestNginx()],
  ] as const) {
    const findings = await findingsOn(nginx, join(folder, title));
    print(`${title} nginx`, findings);
    const grave = findings.filter(({ id, severity }) => GRAVE.has(severity) && id !== "BREACH");
    if (grave.length > 0) process.exitCode = 1;
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
