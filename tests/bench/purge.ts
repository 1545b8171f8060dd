// How long after the API's answer what was purged comes from the origin again, on every edge: by URL, prefix, tag and all,
// with 1 and 100,000 cached objects; and what 100,000 marks cost the answers from the cache. Beside it, in the same run: the
// disk and the round trip that no design avoids. `npm run bench:purge -- 1000` fills the cache with so many objects.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Agent, request } from "undici";
import { z } from "zod";
import { runWrk } from "../peers/wrk.ts";
import { type Api, apiAt, createDistribution, eventually, register } from "../system/api.ts";
import { type Product, productEnvironment, startProduct, temporaryFolder } from "../system/product.ts";
import { measureFloor } from "./floor.ts";
import { summarise } from "./percentiles.ts";
import { untilQuiet } from "./product-processes.ts";
import { startSecondEdge } from "./second-edge.ts";

const HOST = "purge.bench.example.com";
const OBJECTS = 100_000;
const ROUNDS = 100;
/** Each empties the cache. */
const ROUNDS_OF_ALL = 30;
const WARM_UP = 5;
const FETCHED_AT_ONCE = 32;
const MARKS = 100_000;
const MARKS_PER_PURGE = 1_000;
const SERVED_TIMEOUT_MS = 10_000;
const MARKED_TIMEOUT_MS = 120_000;
const LOAD = { connections: 16, seconds: 6, core: 1 } as const;
const LOAD_ROUNDS = 3;
const HIT_PATH = "/hit/a/b.css";

const purged = z.looseObject({ id: z.uuid() });
const done = z.looseObject({ status: z.literal("done") });

interface Bench {
  readonly customer: Api;
  readonly purges: string;
  readonly viewer: Agent;
  readonly ports: readonly number[];
}

/** What a round keeps in the cache, and by what it is purged. */
interface Way {
  readonly name: "url" | "prefix" | "tag" | "all";
  readonly rounds: number;
  readonly page: (round: string) => string;
  readonly body: (round: string) => object;
}

const ways: readonly Way[] = [
  { name: "url", rounds: ROUNDS, page: (round) => `/u/${round}?x=1`, body: (round) => ({ urls: [`/u/${round}?x=1`] }) },
  {
    name: "prefix",
    rounds: ROUNDS,
    page: (round) => `/p/${round}/a/b`,
    body: (round) => ({ prefixes: [`/p/${round}/`] }),
  },
  { name: "tag", rounds: ROUNDS, page: (round) => `/t/${round}`, body: (round) => ({ tags: [`t-${round}`] }) },
  { name: "all", rounds: ROUNDS_OF_ALL, page: (round) => `/all/${round}`, body: () => ({ all: true }) },
];

async function main(): Promise<void> {
  const objects = Number(process.argv[2] ?? OBJECTS);
  if (!Number.isInteger(objects) || objects < 1)
    throw new Error("the argument is a number of objects, such as: 100000");
  const origin = await startTaggingOrigin();
  const folder = await temporaryFolder("bench-purge");
  const product = await startProduct({ ...(await productEnvironment(folder.path)), LOG_LEVEL: "warn" });
  const viewer = new Agent({ connections: FETCHED_AT_ONCE });
  const second = await startSecondEdge(product, folder.path);
  try {
    const customer = await register(apiAt(product.apiUrl));
    const { id } = await createDistribution(customer, HOST, origin.url);
    const ports = [product.edge.httpPort, second.httpPort];
    const bench: Bench = { customer, purges: `/api/v1/distributions/${id}/purges`, viewer, ports };
    await eventually(async () => {
      for (const port of ports) if ((await ask(bench, port, "/")).status !== 200) throw new Error("not served yet");
    });
    const few = await measureLatency(bench, product, 1);
    const many = await measureLatency(bench, product, objects);
    const hits = await measureHits(bench, product);
    const report = { edges: ports.length, latency: [few, many], hits, floor: await measureFloor(product, folder.path) };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } finally {
    await viewer.close();
    await second.stop();
    await product.stop();
    await origin.stop();
    await folder.remove();
  }
}

/** Purging all goes last: it empties the cache. */
async function measureLatency(bench: Bench, product: Product, objects: number) {
  progress(`${objects} objects in the cache of each edge`);
  await fill(bench, objects);
  await untilQuiet(product);
  const api_answer_to_miss_ms: Record<string, object> = {};
  for (const way of ways) {
    progress(`${objects} objects, ${way.rounds} purges by ${way.name}`);
    const timesMs: number[] = [];
    for (let round = 0; round < WARM_UP + way.rounds; round += 1) {
      const ms = await purgeOnce(bench, way, `${objects}-${round}`);
      if (round >= WARM_UP) timesMs.push(ms);
    }
    api_answer_to_miss_ms[way.name] = { rounds: way.rounds, ...summarise(timesMs) };
  }
  return { cached_objects: objects, api_answer_to_miss_ms };
}

async function fill(bench: Bench, objects: number): Promise<void> {
  for (const port of bench.ports) {
    let next = 0;
    const work = async () => {
      while (next < objects) {
        next += 1;
        await ask(bench, port, `/filling/${next}`);
      }
    };
    await Promise.all(Array.from({ length: FETCHED_AT_ONCE }, work));
  }
}

/** From the API's answer to the first answer that is not of the cache, on the edge that is last. */
async function purgeOnce(bench: Bench, { page, body }: Way, round: string): Promise<number> {
  const path = page(round);
  for (const port of bench.ports) {
    await ask(bench, port, path);
    const { cache } = await ask(bench, port, path);
    if (cache !== "HIT") throw new Error(`${path} is not cached: ${cache}`);
  }
  const answer = await bench.customer.call("POST", bench.purges, body(round));
  const answeredAt = performance.now();
  if (answer.status !== 202) throw new Error(`the purge was refused: ${JSON.stringify(answer.body)}`);
  const times = await Promise.all(bench.ports.map((port) => untilMiss(bench, port, { path, answeredAt })));
  return Math.max(...times);
}

async function untilMiss(bench: Bench, port: number, { path, answeredAt }: { path: string; answeredAt: number }) {
  while ((await ask(bench, port, path)).cache === "HIT") {
    if (performance.now() - answeredAt > SERVED_TIMEOUT_MS) throw new Error(`${path} was not purged in time`);
  }
  return performance.now() - answeredAt;
}

/** Answers from the cache of one edge, without marks and with so many: alternating is not possible here. */
async function measureHits(bench: Bench, product: Product) {
  const [port = 0] = bench.ports;
  const load = async () => {
    const rates: number[] = [];
    for (let round = 0; round < LOAD_ROUNDS; round += 1) {
      await ask(bench, port, HIT_PATH);
      const { requests, seconds } = await runWrk({
        ...LOAD,
        url: `http://${HOST}:${port}${HIT_PATH}`,
        headers: {},
      });
      rates.push(requests / seconds);
    }
    return Math.round(rates.sort((a, b) => a - b)[Math.floor(LOAD_ROUNDS / 2)] ?? 0);
  };
  await bench.customer.call("POST", bench.purges, { all: true });
  await untilQuiet(product);
  progress("hits without marks");
  const before = await load();
  progress(`${MARKS} marks`);
  const startedAt = performance.now();
  let last = "";
  for (let from = 0; from < MARKS; from += MARKS_PER_PURGE) {
    const urls = Array.from({ length: MARKS_PER_PURGE }, (_, index) => `/marked/${from + index}`);
    last = (await bench.customer.expect(202, purged, "POST", bench.purges, { urls })).id;
  }
  await eventually(() => bench.customer.expect(200, done, "GET", `${bench.purges}/${last}`), MARKED_TIMEOUT_MS);
  const markedS = Math.round((performance.now() - startedAt) / 100) / 10;
  await untilQuiet(product);
  progress("hits with marks");
  const after = await load();
  return {
    marks: MARKS,
    all_marks_on_the_edges_after_s: markedS,
    requests_per_second_without: before,
    requests_per_second_with: after,
    ratio: Math.round((after / before) * 1000) / 1000,
  };
}

async function ask({ viewer }: Bench, port: number, path: string): Promise<{ status: number; cache: unknown }> {
  const { statusCode, headers, body } = await request(`http://127.0.0.1:${port}${path}`, {
    dispatcher: viewer,
    headers: { host: HOST },
  });
  await body.dump();
  return { status: statusCode, cache: headers["x-cache"] };
}

/** Answers 100 bytes that may be kept for a day; what lies below /t/ has a tag. */
async function startTaggingOrigin(): Promise<{ url: string; stop: () => Promise<void> }> {
  const body = Buffer.alloc(100, "x");
  const server = createServer(({ url = "/" }, response) => {
    const tag = /^\/t\/(.+)$/.exec(url)?.[1];
    const tags = tag === undefined ? {} : { "cache-tag": `bench, t-${tag}` };
    response.writeHead(200, { "cache-control": "max-age=86400", "content-length": body.length, ...tags });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}

function progress(line: string): void {
  process.stderr.write(`… ${line}\n`);
}

await main();
