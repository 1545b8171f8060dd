// What `npm start` promises of HTTPS: any domain gets a certificate without any set-up, for whoever trusts the exported root.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { answerOf } from "../../client/index.ts";
import { startTestPebble } from "../../platform/embedded/test-pebble.ts";
import { testTools } from "../../platform/embedded/test-services.ts";
import { startKnot } from "../peers/knot.ts";
import { type Api, apiAt, eventually, register } from "./api.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { failToStart, type Product, productEnvironment, startProduct, temporaryFolder } from "./product.ts";

const run = promisify(execFile);
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let origin: Origin;

beforeAll(async () => {
  folder = await temporaryFolder("authority");
  origin = await startOrigin();
});
afterAll(async () => {
  await origin.stop();
  await folder.remove();
});

async function createSecured({ client }: Api, domain: string): Promise<{ cname: string }> {
  const body = { domain, le_issue: true, origin: { url: origin.url } };
  return answerOf(await client.POST("/api/v1/distributions", { body }));
}

const rootsOf = ({ dataFolder }: Product) => join(dataFolder, "acme", "ca.pem");

/** As README shows it; rejects unless the certificate is for the host, and of a root that was exported. */
async function viewSafely(product: Product, host: string, roots = rootsOf(product)): Promise<string> {
  const port = product.edge.httpsPort;
  const args = ["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10", "--cacert", roots];
  const url = `https://${host}:${port}/`;
  const [curl = "", ...prefix] = (await testTools()).command("curl");
  return (await run(curl, [...prefix, ...args, "--resolve", `${host}:${port}:127.0.0.1`, url])).stdout;
}

const ISSUED_WITHIN_MS = 60_000;

const isSafe = (product: Product, host: string, roots?: string) =>
  eventually(async () => expect(await viewSafely(product, host, roots)).toBe("200"), ISSUED_WITHIN_MS);

/** Of the leaf that is shown, whoever signed it. */
async function fingerprintOf({ edge }: Product, host: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port: edge.httpsPort, servername: host, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

const countRoots = (product: Product) => readFileSync(rootsOf(product), "utf8").split("BEGIN CERTIFICATE").length - 1;

test("a domain gets its certificate; after a restart it is shown as it was, and new ones are issued by the new root", async () => {
  const env = await productEnvironment(folder.path);
  const first = await startProduct(env);
  expect(first.output()).toMatch(/^ {2}dns .*every name is this edge/m);
  const customer = await register(apiAt(first.apiUrl));
  const { cname } = await createSecured(customer, "kept.example.com");
  await isSafe(first, "kept.example.com");
  // Names of the platform's zone share one, proven in the zone itself.
  await isSafe(first, cname);
  // Whose certificate is shown for a domain that has none.
  const bare = { domain: "bare.example.com", origin: { url: origin.url } };
  answerOf(await customer.client.POST("/api/v1/distributions", { body: bare }));
  const shared = await fingerprintOf(first, cname);
  await eventually(async () => expect(await fingerprintOf(first, "bare.example.com")).toBe(shared));
  // As if the customer had set the CNAME that a wildcard needs.
  await createSecured(customer, "*.many.example.com");
  await isSafe(first, "one.many.example.com");
  const kept = await fingerprintOf(first, "kept.example.com");
  await first.stop();

  const second = await startProduct(env);
  expect(await viewSafely(second, "kept.example.com")).toBe("200");
  expect(await fingerprintOf(second, "kept.example.com")).toBe(kept);
  await createSecured(customer, "new.example.org");
  await isSafe(second, "new.example.org");
  expect(countRoots(second)).toBe(2);

  // The authority comes back by itself, with another root, and has forgotten who we are.
  await killAuthority(second);
  await eventually(async () => expect(countRoots(second)).toBe(3));
  await createSecured(customer, "after.example.net");
  await isSafe(second, "after.example.net");
  await second.stop();
});

const ledgerSchema = z.array(z.object({ pid: z.number(), name: z.string() }));

async function killAuthority({ dataFolder }: Product): Promise<void> {
  const ledger = ledgerSchema.parse(JSON.parse(await readFile(join(dataFolder, "run", "children.json"), "utf8")));
  const authority = ledger.find(({ name }) => name === "pebble");
  if (authority === undefined) throw new Error("no authority runs");
  process.kill(authority.pid, "SIGKILL");
}

test("an authority, a resolver and a zone of one's own are used, and none of theirs is started", async () => {
  const key = { algorithm: "hmac-sha512", name: "edgewright", secret: Buffer.alloc(32, 5) } as const;
  const zones = {
    test: { records: ["www.shop 60 A 127.0.0.1"] },
    "cdn.test": { records: ["* 60 A 127.0.0.1", "*.cdn 60 A 127.0.0.1"] },
  };
  const dns = await startKnot({ key, zones });
  onTestFinished(() => dns.stop());
  const place = join(folder.path, "own");
  const env = await productEnvironment(place);
  const hmacKey = Buffer.alloc(32, 6).toString("base64url");
  const authority = await startTestPebble({
    httpPort: Number(env.EDGE_HTTP_PORT),
    dnsServer: dns.address,
    externalAccounts: { ours: hmacKey },
  });
  onTestFinished(() => authority.stop());
  const product = await startProduct({
    ...env,
    PLATFORM_ZONE: "cdn.test",
    ACME_DIRECTORY_URL: authority.directoryUrl,
    ACME_CA_FILE: authority.caFile,
    ACME_EAB_KEY_ID: "ours",
    ACME_EAB_HMAC_KEY: hmacKey,
    ACME_DNS_SERVER: dns.address,
    ACME_DNS_TSIG: `${key.algorithm}:${key.name}:${key.secret.toString("base64")}`,
    DNS_SERVERS: dns.address,
    VALIDATION_HTTP_PORT: String(env.EDGE_HTTP_PORT),
  });
  onTestFinished(async () => void (await product.stop()));
  expect(product.output()).toMatch(/^ {2}pebble +yours at/m);
  expect(product.output()).not.toMatch(/^ {2}dns /m);
  for (const unused of ["acme", "dns", "pebble"]) expect(existsSync(join(place, unused))).toBe(false);
  const roots = join(folder.path, "own-root.pem");
  await writeFile(roots, await authority.root());
  const { cname } = await createSecured(await register(apiAt(product.apiUrl)), "www.shop.test");
  await isSafe(product, "www.shop.test", roots);
  await isSafe(product, cname, roots);
});

test("a zone of one's own needs a resolver of one's own, and one sentence says so", async () => {
  const env = await productEnvironment(join(folder.path, "half"));
  const { code, output } = await failToStart({
    ...env,
    ACME_DNS_SERVER: "127.0.0.1:53",
    ACME_DNS_TSIG: "edgewright:MDEyMzQ1Njc4OWFiY2RlZg==",
  });
  expect(code).toBe(1);
  expect(output).toMatch(/DNS_SERVERS: is required with ACME_DNS_SERVER/);
  expect(output).not.toContain("    at ");
});
