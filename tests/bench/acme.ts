// How long after the API's answer to `le_issue` a viewer shakes hands with the domain's own certificate, one domain at a time
// and two hundred registered domains in one go, with the product as `npm start` runs it: the local authority, its DNS, one edge.
// And how long after the API's answer to a new chain for a certificate in use a viewer is shown it.
// `npm run bench:acme -- --quick` does a tenth of it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { parseArgs } from "node:util";
import { z } from "zod";
import { createViewersAuthority } from "../../openresty/test-certificates.ts";
import { type Api, apiAt, register } from "../system/api.ts";
import { type Product, productEnvironment, startProduct, temporaryFolder } from "../system/product.ts";
import { type LoopbackOrigins, startLoopbackOrigins } from "./origins.ts";
import { summarise } from "./percentiles.ts";
import { cpuSeconds, untilQuiet } from "./product-processes.ts";

const WHOLE = { alone: 20, together: 200, replaced: 50 };
const QUICK = { alone: 3, together: 20, replaced: 5 };
const WARM_UP = 2;
const CREATING_AT_ONCE = 8;
const LOOK_EVERY_MS = 20;
const LOOK_EVERY_REPLACED_MS = 2;
const LOOK_EVERY_TOGETHER_MS = 250;
const LOOKING_AT_ONCE = 2;
const HANDSHAKE_TIMEOUT_MS = 5000;
const GIVE_UP_MS = 5 * 60_000;

const created = z.object({ id: z.uuid() });
const uploaded = z.object({ id: z.uuid(), fingerprint: z.string() });

interface Bench {
  readonly product: Product;
  readonly customer: Api;
  readonly origins: LoopbackOrigins;
  /** What viewers trust. */
  readonly roots: string;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: "boolean" } } });
  const extent = values.quick === true ? QUICK : WHOLE;
  const origins = await startLoopbackOrigins();
  const folder = await temporaryFolder("bench-acme");
  const product = await startProduct({ ...(await productEnvironment(folder.path)), LOG_LEVEL: "warn" });
  const roots = readFileSync(join(product.dataFolder, "acme", "ca.pem"), "utf8");
  try {
    const bench = { product, origins, roots, customer: await register(apiAt(product.apiUrl)) };
    for (let round = 0; round < WARM_UP; round += 1) await issueOne(bench, `warm-up-${round}.com`);
    await untilQuiet(product);
    progress(`${extent.alone} certificates, one after the other`);
    const alone = await measureAlone(bench, extent.alone);
    await untilQuiet(product);
    progress(`${extent.together} certificates in one go`);
    const together = await measureTogether(bench, extent.together);
    await untilQuiet(product);
    progress(`${extent.replaced} new chains for a certificate in use`);
    const replaced = await measureReplaced(bench, extent.replaced);
    process.stdout.write(`${JSON.stringify({ alone, together, replaced }, null, 2)}\n`);
  } finally {
    await product.stop();
    await origins.stop();
    await folder.remove();
  }
}

async function measureAlone(bench: Bench, rounds: number) {
  const timesMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) timesMs.push(await issueOne(bench, `alone-${round}.com`));
  return { rounds, api_answer_to_handshake_ms: summarise(timesMs) };
}

async function issueOne(bench: Bench, domain: string): Promise<number> {
  await create(bench, domain);
  const answeredAt = performance.now();
  await untilShown(bench, domain, LOOK_EVERY_MS);
  return performance.now() - answeredAt;
}

/** Each under a registered domain of its own, as fast as one customer's program asks for them. */
async function measureTogether(bench: Bench, count: number) {
  const asked = Array.from({ length: count }, (_, number) => `together-${number}.com`);
  const answeredAt = new Map<string, number>();
  const cpuBefore = await cpuSeconds(bench.product);
  const startedAt = performance.now();
  const watching = watchAll(bench, { count, answeredAt });
  await atOnce(CREATING_AT_ONCE, asked, async (domain) => {
    await create(bench, domain);
    answeredAt.set(domain, performance.now());
  });
  const createdS = (performance.now() - startedAt) / 1000;
  const timesMs = await watching;
  const allS = (performance.now() - startedAt) / 1000;
  const cpuS = (await cpuSeconds(bench.product)) - cpuBefore;
  return {
    certificates: count,
    created_after_s: round(createdS),
    all_shown_after_s: round(allS),
    per_second: round(count / allS),
    cpu_ms_each: round((cpuS * 1000) / count),
    api_answer_to_handshake_ms: summarise(timesMs),
  };
}

/** How long each took; a few handshakes at a time, so that looking is not what is measured. */
async function watchAll(
  bench: Bench,
  { count, answeredAt }: { count: number; answeredAt: ReadonlyMap<string, number> },
): Promise<readonly number[]> {
  const tookMs = new Map<string, number>();
  const giveUpAt = performance.now() + GIVE_UP_MS;
  while (tookMs.size < count) {
    if (performance.now() > giveUpAt) throw new Error(`${tookMs.size} of ${count} certificates are shown`);
    const waiting = [...answeredAt].filter(([domain]) => !tookMs.has(domain));
    await atOnce(LOOKING_AT_ONCE, waiting, async ([domain, at]) => {
      if (await isShown(bench, domain)) tookMs.set(domain, performance.now() - at);
    });
    await wait(LOOK_EVERY_TOGETHER_MS);
  }
  return [...tookMs.values()];
}

async function measureReplaced(bench: Bench, rounds: number) {
  const { customer, origins } = bench;
  const domain = "replaced.com";
  const { root, issue } = createViewersAuthority();
  const pair = () => {
    const { chain, key } = issue({ names: [domain] });
    return { certificate: chain, chain: root, private_key: key };
  };
  const { id, fingerprint } = await customer.expect(201, uploaded, "POST", "/api/v1/certificates", pair());
  const body = { domain, certificate_id: id, origin: { url: origins.urlsOf(0)[0] } };
  await customer.expect(201, created, "POST", "/api/v1/distributions", body);
  const untilSeen = async (wanted: string) => {
    while ((await fingerprintShown(bench, domain)) !== wanted) await wait(LOOK_EVERY_REPLACED_MS);
  };
  await untilSeen(fingerprint);
  const timesMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const answer = await customer.expect(200, uploaded, "PATCH", `/api/v1/certificates/${id}`, pair());
    const answeredAt = performance.now();
    await untilSeen(answer.fingerprint);
    timesMs.push(performance.now() - answeredAt);
  }
  return { rounds, api_answer_to_handshake_ms: summarise(timesMs) };
}

async function atOnce<Item>(width: number, items: readonly Item[], act: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  const work = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: width }, work));
}

async function create({ customer, origins }: Bench, domain: string): Promise<void> {
  const body = { domain, le_issue: true, origin: { url: origins.urlsOf(0)[0] } };
  await customer.expect(201, created, "POST", "/api/v1/distributions", body);
}

async function untilShown(bench: Bench, domain: string, everyMs: number): Promise<void> {
  const giveUpAt = performance.now() + GIVE_UP_MS;
  while (!(await isShown(bench, domain))) {
    if (performance.now() > giveUpAt) throw new Error(`${domain} has no certificate after ${GIVE_UP_MS / 1000} s`);
    await wait(everyMs);
  }
}

/** A handshake with a certificate for the name, of the local authority. */
async function isShown(bench: Bench, domain: string): Promise<boolean> {
  return (await handshake(bench, domain, ({ authorized }) => authorized)) ?? false;
}

/** Whoever has signed it. */
function fingerprintShown(bench: Bench, domain: string): Promise<string | undefined> {
  return handshake(bench, domain, (socket) =>
    socket.getPeerCertificate().fingerprint256.replaceAll(":", "").toLowerCase(),
  );
}

/** What is read off the connection; undefined when the handshake fails. */
function handshake<Read>({ product, roots }: Bench, domain: string, read: (socket: TLSSocket) => Read) {
  const address = { host: "127.0.0.1", port: product.edge.httpsPort, servername: domain };
  const socket = connect({ ...address, ca: roots, rejectUnauthorized: false });
  return new Promise<Read | undefined>((resolve) => {
    const end = (answer: Read | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(HANDSHAKE_TIMEOUT_MS, () => end(undefined));
    socket.once("secureConnect", () => end(read(socket)));
    socket.once("error", () => end(undefined));
  });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function progress(text: string): void {
  process.stderr.write(`${text} …\n`);
}

await main();
