// How long after the API's answer the edge serves a change, with few and with many distributions; and what an edge needs
// in memory and time to start with its documents. Beside it, in the same run: the disk and the round trips that no design
// avoids, and nginx with a server block per distribution, which is how it is usually done.
import { readdir, readFile } from "node:fs/promises";
import { Agent, request } from "undici";
import { z } from "zod";
import { type Api, apiAt, eventually, register } from "../system/api.ts";
import { startOrigin } from "../system/origin.ts";
import { type Product, productEnvironment, startProduct, temporaryFolder } from "../system/product.ts";
import { measureColdStart } from "./cold-start.ts";
import { measureFloor } from "./floor.ts";
import { summarise } from "./percentiles.ts";
import { measureServerBlocks } from "./server-blocks.ts";

const CHANGES = 300;
const WARM_UP = 20;
const CREATING_AT_ONCE = 8;
const SERVED_TIMEOUT_MS = 10_000;
const APPLIED_TIMEOUT_MS = 10 * 60_000;

const created = z.object({ id: z.uuid() });
const health = z.object({ documents: z.number() });

interface Bench {
  readonly product: Product;
  readonly customer: Api;
  readonly viewer: Agent;
  readonly origins: readonly [string, string];
  readonly ids: string[];
}

async function main(): Promise<void> {
  const [first, second] = [await startOrigin(), await startOrigin()];
  first.answer(() => ({ headers: { "cache-control": "no-store" }, body: first.url }));
  second.answer(() => ({ headers: { "cache-control": "no-store" }, body: second.url }));
  const folder = await temporaryFolder("bench-propagation");
  const env = await productEnvironment(folder.path);
  const product = await startProduct({ ...env, LOG_LEVEL: "warn" });
  const viewer = new Agent({ connections: 4 });
  const bench: Bench = {
    product,
    viewer,
    customer: await register(apiAt(product.apiUrl)),
    origins: [first.url, second.url],
    ids: [],
  };
  try {
    const propagation = [];
    for (const distributions of [100, 10_000]) {
      const seeded = await seed(bench, distributions);
      progress(`${distributions} distributions: ${CHANGES} changes`);
      propagation.push({ distributions, ...seeded, ...(await changeMany(bench)) });
    }
    const floor = await measureFloor(bench.product, folder.path);
    await product.stop();
    progress("the usual way: a server block per distribution");
    const usual = [await measureServerBlocks(100), await measureServerBlocks(10_000)];
    const coldStart = [];
    for (const documents of [10_000, 100_000]) {
      progress(`cold start with ${documents} documents`);
      coldStart.push(await measureColdStart(documents));
    }
    process.stdout.write(
      `${JSON.stringify({ propagation, floor, server_blocks: usual, cold_start: coldStart }, null, 2)}\n`,
    );
  } finally {
    await viewer.close();
    await product.stop();
    await first.stop();
    await second.stop();
    await folder.remove();
  }
}

/** Through the front door, as customers would; done when the edge holds them all. */
async function seed(bench: Bench, wanted: number): Promise<{ created_per_second: number; all_served_after_s: number }> {
  const startedAt = performance.now();
  const before = bench.ids.length;
  const create = async () => {
    while (bench.ids.length < wanted) {
      const index = bench.ids.push("") - 1;
      const body = { domain: hostOf(index), origin: { url: bench.origins[0] } };
      const { id } = await bench.customer.expect(201, created, "POST", "/api/v1/distributions", body);
      bench.ids[index] = id;
      if (index % 1000 === 999) progress(`${index + 1} distributions created`);
    }
  };
  await Promise.all(Array.from({ length: CREATING_AT_ONCE }, create));
  const createdS = (performance.now() - startedAt) / 1000;
  await eventually(async () => {
    const held = await edgeHolds(bench);
    if (held < wanted) throw new Error(`the edge holds ${held} of ${wanted} documents`);
  }, APPLIED_TIMEOUT_MS);
  return {
    created_per_second: Math.round((wanted - before) / createdS),
    all_served_after_s: Math.round((performance.now() - startedAt) / 100) / 10,
  };
}

async function changeMany(bench: Bench) {
  const timesMs: number[] = [];
  for (let round = 0; round < WARM_UP; round += 1) await changeOne(bench);
  const cpuBefore = await cpuSeconds(bench);
  for (let round = 0; round < CHANGES; round += 1) timesMs.push(await changeOne(bench));
  const cpuMs = ((await cpuSeconds(bench)) - cpuBefore) * 1000;
  return {
    changes: CHANGES,
    api_answer_to_served_ms: summarise(timesMs),
    cpu_ms_per_change: Math.round((cpuMs / CHANGES) * 10) / 10,
  };
}

/** From the API's answer to the first viewer's answer that comes from the other origin. */
async function changeOne(bench: Bench): Promise<number> {
  const index = Math.floor(Math.random() * bench.ids.length);
  const host = hostOf(index);
  const [first, second] = bench.origins;
  const wanted = (await seen(bench, host)) === first ? second : first;
  const answer = await bench.customer.call("PATCH", `/api/v1/distributions/${bench.ids[index]}`, {
    origin: { url: wanted },
  });
  const answeredAt = performance.now();
  if (answer.status !== 200) throw new Error(`the change was refused: ${JSON.stringify(answer.body)}`);
  while ((await seen(bench, host)) !== wanted) {
    if (performance.now() - answeredAt > SERVED_TIMEOUT_MS) throw new Error(`${host} was not changed in time`);
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

const CLOCK_TICKS_PER_SECOND = 100;

/** Of the product's whole process tree: what a change costs, wherever it is spent. */
async function cpuSeconds({ product }: Bench): Promise<number> {
  const parents = new Map<number, { parent: number; ticks: number }>();
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, "utf8").catch(() => undefined);
    // The name may hold blanks and brackets; the fields after it do not.
    const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields !== undefined)
      parents.set(Number(entry), { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) });
  }
  const root = product.process.pid ?? 0;
  const isOurs = (pid: number): boolean => pid === root || (parents.has(pid) && isOurs(parents.get(pid)?.parent ?? 0));
  const ticks = [...parents].filter(([pid]) => isOurs(pid)).reduce((sum, [, process]) => sum + process.ticks, 0);
  return ticks / CLOCK_TICKS_PER_SECOND;
}

function hostOf(index: number): string {
  return `d${index}.bench.example.com`;
}

function progress(line: string): void {
  process.stderr.write(`… ${line}\n`);
}

await main();
