// How long after the API's answer the edge serves what was changed or created, with few and with many distributions; and
// what an edge needs in memory and time to start with its documents. Beside it, in the same run: the disk and the round
// trips that no design avoids, and nginx with a server block per distribution, which is how it is usually done.
// `npm run bench:propagation -- 100 1000` measures with so many distributions; the default is 100 and 10,000.
import { Agent, request } from "undici";
import { z } from "zod";
import { type Api, apiAt, eventually, register } from "../system/api.ts";
import { type Product, productEnvironment, startProduct, temporaryFolder } from "../system/product.ts";
import { documentMixes, measureColdStart } from "./cold-start.ts";
import { measureFloor } from "./floor.ts";
import { type LoopbackOrigins, startLoopbackOrigins } from "./origins.ts";
import { summarise } from "./percentiles.ts";
import { cpuSeconds, residentMemory, untilQuiet } from "./product-processes.ts";
import { measureServerBlocks } from "./server-blocks.ts";

const COUNTS = [100, 10_000];
const CHANGES = 300;
const CREATIONS = 100;
const WARM_UP = 20;
const CREATING_AT_ONCE = 8;
const SERVED_TIMEOUT_MS = 10_000;
const APPLIED_TIMEOUT_MS = 10 * 60_000;
/** The second cold start is with so many times the documents: those need no product that makes them. */
const COLD_START_FACTOR = 10;

const created = z.object({ id: z.uuid() });
const health = z.object({ documents: z.number() });

interface Bench {
  readonly product: Product;
  readonly customer: Api;
  readonly viewer: Agent;
  readonly origins: LoopbackOrigins;
  readonly ids: string[];
}

async function main(): Promise<void> {
  const counts = countsOf(process.argv.slice(2));
  const origins = await startLoopbackOrigins();
  const folder = await temporaryFolder("bench-propagation");
  const env = await productEnvironment(folder.path);
  const product = await startProduct({ ...env, LOG_LEVEL: "warn" });
  const viewer = new Agent({ connections: 4 });
  const bench: Bench = { product, viewer, origins, customer: await register(apiAt(product.apiUrl)), ids: [] };
  try {
    const propagation = [];
    for (const distributions of counts) propagation.push(await measurePropagation(bench, distributions));
    const floor = await measureFloor(bench.product, folder.path);
    await product.stop();
    const serverBlocks = [];
    for (const distributions of counts) {
      progress(`the usual way: ${distributions} server blocks`);
      serverBlocks.push(await measureServerBlocks(distributions));
    }
    const most = Math.max(...counts);
    const coldStart = await measureColdStarts([most, most * COLD_START_FACTOR]);
    const report = { propagation, floor, server_blocks: serverBlocks, cold_start: coldStart };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } finally {
    await viewer.close();
    await product.stop();
    await origins.stop();
    await folder.remove();
  }
}

function countsOf(args: readonly string[]): readonly number[] {
  const counts = args.map(Number);
  if (counts.some((count) => !Number.isInteger(count) || count < 1)) {
    throw new Error("the arguments are numbers of distributions, such as: 100 10000");
  }
  return counts.length === 0 ? COUNTS : counts.sort((a, b) => a - b);
}

async function measurePropagation(bench: Bench, distributions: number) {
  const seeded = await seed(bench, distributions);
  const quiet = await untilQuiet(bench.product);
  progress(`${distributions} distributions: ${CHANGES} changes, ${CREATIONS} creations`);
  const memory = await residentMemory(bench.product);
  const change = await measureMany(bench, CHANGES, () => changeOne(bench));
  await untilQuiet(bench.product);
  const create = await measureMany(bench, CREATIONS, () => createOne(bench));
  return { distributions, ...seeded, ...quiet, ...memory, change, create };
}

async function measureColdStarts(counts: readonly number[]) {
  const starts = [];
  for (const documents of counts) {
    for (const mix of documentMixes) {
      progress(`cold start with ${documents} documents: ${mix.name}`);
      starts.push(await measureColdStart(documents, mix));
    }
  }
  return starts;
}

/** Through the front door, as customers would; done when the edge holds them all. */
async function seed(bench: Bench, wanted: number): Promise<{ created_per_second: number; all_served_after_s: number }> {
  const startedAt = performance.now();
  const before = bench.ids.length;
  const work = async () => {
    while (bench.ids.length < wanted) {
      const { index } = await createNext(bench);
      if (index % 1000 === 999) progress(`${index + 1} distributions created`);
    }
  };
  await Promise.all(Array.from({ length: CREATING_AT_ONCE }, work));
  const createdS = (performance.now() - startedAt) / 1000;
  await eventually(async () => {
    const held = await edgeHolds(bench);
    if (held < wanted) throw new Error(`the edge holds ${held} of ${wanted} documents`);
  }, APPLIED_TIMEOUT_MS);
  return {
    created_per_second: Math.round(Math.max(0, wanted - before) / createdS),
    all_served_after_s: Math.round((performance.now() - startedAt) / 100) / 10,
  };
}

async function createNext(bench: Bench): Promise<{ index: number; answeredAt: number }> {
  const index = bench.ids.push("") - 1;
  const body = { domain: hostOf(index), origin: { url: bench.origins.urlsOf(index)[0] } };
  const { id } = await bench.customer.expect(201, created, "POST", "/api/v1/distributions", body);
  const answeredAt = performance.now();
  bench.ids[index] = id;
  return { index, answeredAt };
}

async function measureMany({ product }: Bench, rounds: number, once: () => Promise<number>) {
  const timesMs: number[] = [];
  for (let round = 0; round < WARM_UP; round += 1) await once();
  const cpuBefore = await cpuSeconds(product);
  for (let round = 0; round < rounds; round += 1) timesMs.push(await once());
  const cpuMs = ((await cpuSeconds(product)) - cpuBefore) * 1000;
  return {
    rounds,
    api_answer_to_served_ms: summarise(timesMs),
    cpu_ms_each: Math.round((cpuMs / rounds) * 10) / 10,
  };
}

/** From the API's answer to the first viewer's answer that comes from the other origin. */
async function changeOne(bench: Bench): Promise<number> {
  const index = Math.floor(Math.random() * bench.ids.length);
  const host = hostOf(index);
  const [first, second] = bench.origins.urlsOf(index);
  const wanted = (await seen(bench, host)) === first ? second : first;
  const answer = await bench.customer.call("PATCH", `/api/v1/distributions/${bench.ids[index]}`, {
    origin: { url: wanted },
  });
  const answeredAt = performance.now();
  if (answer.status !== 200) throw new Error(`the change was refused: ${JSON.stringify(answer.body)}`);
  return untilServed(bench, index, { wanted, answeredAt });
}

/** From the API's answer to the first viewer's answer. */
async function createOne(bench: Bench): Promise<number> {
  const { index, answeredAt } = await createNext(bench);
  return untilServed(bench, index, { wanted: bench.origins.urlsOf(index)[0], answeredAt });
}

async function untilServed(
  bench: Bench,
  index: number,
  { wanted, answeredAt }: { wanted: string; answeredAt: number },
): Promise<number> {
  while ((await seen(bench, hostOf(index))) !== wanted) {
    if (performance.now() - answeredAt > SERVED_TIMEOUT_MS) throw new Error(`${hostOf(index)} was not served in time`);
  }
  return performance.now() - answeredAt;
}

async function seen({ product, viewer }: Bench, host: string): Promise<string> {
  const { body } = await request(`http://127.0.0.1:${product.edge.httpPort}/probe`, {
    dispatcher: viewer,
    headers: { host },
  });
  return body.text();
}

async function edgeHolds({ product, viewer }: Bench): Promise<number> {
  const url = `http://127.0.0.1:${product.edge.httpPort}/__edge/health`;
  const { body } = await request(url, { dispatcher: viewer, headers: { host: "localhost" } });
  return health.parse(await body.json()).documents;
}

function hostOf(index: number): string {
  return `d${index}.bench.example.com`;
}

function progress(line: string): void {
  process.stderr.write(`… ${line}\n`);
}

await main();
