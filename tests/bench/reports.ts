// What the reports cost: how many access-log lines a second go from an edge's disk into the tables, end to end and stage by
// stage, how soon ten questions are answered over the API when there are twenty million of them, and what one takes on disk.
// Beside it in the same run: the same rows into a bare table, and the same questions asked of the lines themselves.
// `npm run bench:reports -- 1000000` measures with so many lines; with `--plot <file>` it draws the questions, too.
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { z } from "zod";
import { type ClickHouse, connectClickHouse } from "../../control-plane/database/clickhouse.ts";
import { startClickHouse } from "../../platform/embedded/clickhouse/start.ts";
import { createLogger } from "../../platform/log.ts";
import { type Api, apiAt, register } from "../system/api.ts";
import { type Product, productEnvironment, startProduct, temporaryFolder } from "../system/product.ts";
import { barChart } from "./bar-chart.ts";
import { summarise } from "./percentiles.ts";
import { cpuSecondsOf } from "./process-tree.ts";
import { untilQuiet } from "./product-processes.ts";
import { type Site, type Traffic, writeLines } from "./report-lines.ts";
import { questionsOf } from "./report-questions.ts";
import { measureStages } from "./report-stages.ts";
import { type SecondEdge, startSecondEdge } from "./second-edge.ts";

const LINES = 20_000_000;
const LINES_PER_FILE = 1_000_000;
const DAYS = 30;
const DISTRIBUTIONS = 1_000;
const CREATING_AT_ONCE = 8;
const ASKED_TIMES = 40;
const ASKED_OF_LINES_TIMES = 3;
/** Each look costs ClickHouse some milliseconds. */
const LOOK_EVERY_MS = 200;
const STORED_TIMEOUT_MS = 10 * 60_000;
const MERGED_TIMEOUT_MS = 10 * 60_000;
const DAY_MS = 24 * 3600 * 1000;

const created = z.object({ id: z.uuid(), domain: z.string() });
const deployment = z.looseObject({ edges: z.array(z.looseObject({ state: z.string() })) });

export interface Bench {
  readonly product: Product;
  readonly clickhouse: ClickHouse;
  readonly clickhousePid: number;
  readonly customer: Api;
  readonly traffic: Traffic;
  readonly second: SecondEdge;
  /** When the traffic began; it ends DAYS later. */
  readonly fromMs: number;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: { plot: { type: "string" } }, allowPositionals: true });
  const lines = Number(positionals[0] ?? LINES);
  if (!Number.isInteger(lines) || lines < 1) throw new Error("the argument is a number of lines, such as: 1000000");
  const folder = await temporaryFolder("bench-reports");
  await mkdir(join(folder.path, "store"));
  const server = await startClickHouse({
    folder: join(folder.path, "store"),
    log: createLogger({ role: "bench", level: "warn" }),
  });
  const { clickhouse, part } = connectClickHouse(server.url);
  const product = await startProduct({
    ...(await productEnvironment(join(folder.path, "data"))),
    CLICKHOUSE_URL: server.url,
    DISTRIBUTIONS_PER_ACCOUNT_MAX: String(DISTRIBUTIONS),
    LOG_LEVEL: "warn",
  });
  const second = await startSecondEdge(product, folder.path);
  try {
    const customer = await register(apiAt(product.apiUrl));
    progress(`${DISTRIBUTIONS} distributions`);
    const sites = await createSites(customer);
    const fromMs = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAYS * DAY_MS;
    const traffic = { account: customer.accountId, sites, seed: 1 };
    const clickhousePid = server.part.pid() ?? 0;
    const bench = { product, clickhouse, clickhousePid, customer, traffic, fromMs, second };
    await untilQuiet(product);
    const ingest = await measureEndToEnd(bench, folder.path, lines);
    const stages = await measureStages({ clickhouse, url: server.url, traffic }, folder.path);
    const stored = await measureStored(clickhouse);
    const questions = await measureQuestions(bench);
    process.stdout.write(`${JSON.stringify({ lines, ingest, stages, stored, questions }, null, 2)}\n`);
    if (values.plot !== undefined) await writeFile(values.plot, plotOf(questions, lines));
  } finally {
    await second.stop();
    await product.stop();
    await part.stop();
    await server.part.stop();
    await folder.remove();
  }
}

async function createSites(customer: Api): Promise<readonly Site[]> {
  const sites: Site[] = [];
  const names = Array.from({ length: DISTRIBUTIONS }, (_, number) => `site-${number}.example.com`);
  const work = async () => {
    for (let domain = names.shift(); domain !== undefined; domain = names.shift()) {
      const body = { domain, origin: { url: "http://127.0.0.1:9" } };
      const { id } = await customer.expect(201, created, "POST", "/api/v1/distributions", body);
      sites.push({ id, host: domain });
    }
  };
  await Promise.all(Array.from({ length: CREATING_AT_ONCE }, work));
  // Lines are taken about what the edge's group carries.
  for (const { id } of sites) {
    await until(async () => {
      const { edges } = await customer.expect(200, deployment, "GET", `/api/v1/distributions/${id}/deployment`);
      return edges.length > 1;
    }, `${id} is not deployed`);
  }
  return sites;
}

/**
 * Each file is put where nginx leaves a log that it has finished; the edges' agents, the API and ClickHouse do the rest. The
 * first file goes by one edge alone, which has one batch on its way at a time; all others by two at once.
 */
async function measureEndToEnd(bench: Bench, folder: string, lines: number) {
  const { product, clickhouse, traffic, fromMs, second } = bench;
  const homes = [join(product.dataFolder, "edge"), second.home];
  const stepMs = (DAYS * DAY_MS) / lines;
  const cpu = async (): Promise<CpuSeconds> => ({
    // API, worker and scheduler are one process; the agents stand below it or beside it.
    productS: await cpuSecondsOf([product.process.pid ?? 0, second.pid]),
    clickhouseS: await cpuSecondsOf([bench.clickhousePid]),
  });
  const runs: Run[] = [];
  for (let stored = 0; stored < lines; ) {
    const count = Math.min(LINES_PER_FILE, lines - stored);
    const used = stored === 0 ? homes.slice(0, 1) : homes;
    const [startMs, endMs] = [fromMs + stored * stepMs, fromMs + (stored + count) * stepMs];
    const share = Math.ceil(count / used.length);
    const files: { readonly from: string; readonly to: string }[] = [];
    for (const [index, home] of used.entries()) {
      const stretch = { fromMs: startMs, toMs: endMs, count: Math.min(share, count - index * share) };
      const from = join(folder, `lines.${index}.log`);
      await writeLines(from, { ...traffic, seed: traffic.seed + index }, stretch);
      files.push({ from, to: join(home, "logs", `access.log.${String(Math.round(startMs)).padStart(13, "0")}`) });
    }
    const [startedAt, cpuBefore] = [performance.now(), await cpu()];
    for (const { from, to } of files) await rename(from, to);
    stored += count;
    const wanted = stored;
    await until(async () => (await countLines(clickhouse)) >= wanted, "not all lines are stored");
    const tookS = (performance.now() - startedAt) / 1000;
    const { productS, clickhouseS } = await cpu();
    const spent = { productS: productS - cpuBefore.productS, clickhouseS: clickhouseS - cpuBefore.clickhouseS };
    runs.push({ edges: used.length, count, tookS, ...spent });
    progress(`${stored} lines stored, the last ${count} at ${Math.round(count / tookS)} a second`);
  }
  return { one_edge: rateOf(runs, 1), two_edges: rateOf(runs, 2) };
}

interface CpuSeconds {
  readonly productS: number;
  readonly clickhouseS: number;
}

interface Run extends CpuSeconds {
  readonly edges: number;
  readonly count: number;
  readonly tookS: number;
}

function rateOf(all: readonly Run[], edges: number) {
  const runs = all.filter((run) => run.edges === edges);
  const sum = (what: Exclude<keyof Run, "edges">) => runs.reduce((total, run) => total + run[what], 0);
  return {
    lines: sum("count"),
    lines_per_second: Math.round(sum("count") / sum("tookS")),
    slowest_file_per_second: Math.round(Math.min(...runs.map(({ count, tookS }) => count / tookS))),
    cpu_us_per_line: {
      product: round((sum("productS") * 1e6) / sum("count")),
      clickhouse: round((sum("clickhouseS") * 1e6) / sum("count")),
    },
  };
}

const counted = z.array(z.object({ lines: z.coerce.number() }));

async function countLines(clickhouse: ClickHouse): Promise<number> {
  const answer = await clickhouse.query({ query: "SELECT count() AS lines FROM access_log", format: "JSONEachRow" });
  return counted.parse(await answer.json())[0]?.lines ?? 0;
}

const sizes = z.array(
  z.object({ table: z.string(), rows: z.coerce.number(), bytes: z.coerce.number(), parts: z.coerce.number() }),
);

/** What is on disk once ClickHouse has merged what it wants to merge by itself. */
async function measureStored(clickhouse: ClickHouse) {
  const look = async () => {
    const answer = await clickhouse.query({
      query: `SELECT part.table AS table, sum(part.rows) AS rows, sum(part.bytes_on_disk) AS bytes, count() AS parts
        FROM system.parts AS part WHERE part.active AND part.database = currentDatabase() AND part.rows > 0
        GROUP BY table ORDER BY table`,
      format: "JSONEachRow",
    });
    return sizes.parse(await answer.json());
  };
  let tables = await look();
  await until(
    async () => {
      await wait(5_000);
      const before = JSON.stringify(tables);
      tables = await look();
      return JSON.stringify(tables) === before;
    },
    "ClickHouse goes on merging",
    MERGED_TIMEOUT_MS,
  );
  return tables.map(({ table, rows, bytes, parts }) => ({ table, rows, parts, bytes_per_row: round(bytes / rows) }));
}

/** Each in its turn, so that what else goes on is shared by all. */
async function measureQuestions({ customer, clickhouse, traffic, fromMs }: Bench) {
  progress("ten questions");
  const busiest = traffic.sites[0]?.id ?? "";
  const questions = questionsOf({ account: traffic.account, busiest, fromMs, toMs: fromMs + DAYS * DAY_MS });
  const apiMs = new Map<string, number[]>();
  const linesMs = new Map<string, number[]>();
  const timed = async (times: Map<string, number[]>, name: string, ask: () => Promise<unknown>) => {
    const startedAt = performance.now();
    await ask();
    times.set(name, [...(times.get(name) ?? []), performance.now() - startedAt]);
  };
  for (let turn = 0; turn < ASKED_TIMES; turn += 1) {
    for (const { name, path } of questions) {
      await timed(apiMs, name, () => customer.expect(200, z.looseObject({}), "GET", path));
    }
    await timed(apiMs, FLOOR, () => clickhouse.query({ query: "SELECT 1" }).then((answer) => answer.text()));
  }
  for (let turn = 0; turn < ASKED_OF_LINES_TIMES; turn += 1) {
    for (const { name, ofLines } of questions) {
      await timed(linesMs, name, () => clickhouse.query({ query: ofLines }).then((answer) => answer.text()));
    }
  }
  return [...questions.map(({ name }) => name), FLOOR].map((name) => {
    const { p50, p99 } = summarise(apiMs.get(name) ?? []);
    const ofLines = linesMs.get(name);
    return {
      name,
      p50_ms: p50,
      p95_ms: percentile95(apiMs.get(name) ?? []),
      p99_ms: p99,
      ...(ofLines === undefined ? {} : { of_lines_p50_ms: summarise(ofLines).p50 }),
    };
  });
}

const FLOOR = "the floor: SELECT 1";

function plotOf(questions: Awaited<ReturnType<typeof measureQuestions>>, lines: number): string {
  const groups = questions.map(({ name, p95_ms, of_lines_p50_ms }) => ({
    name,
    bars: [
      { name: "the API, p95", value: p95_ms },
      ...(of_lines_p50_ms === undefined ? [] : [{ name: "the lines, median", value: of_lines_p50_ms }]),
    ],
  }));
  return barChart({
    title: `Milliseconds until a question about ${lines.toLocaleString("en")} lines is answered`,
    groups,
  });
}

function percentile95(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return round(sorted[Math.max(0, Math.ceil(0.95 * sorted.length) - 1)] ?? 0);
}

async function until(holds: () => Promise<boolean>, otherwise: string, timeoutMs = STORED_TIMEOUT_MS): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > giveUpAt) throw new Error(otherwise);
    await wait(LOOK_EVERY_MS);
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function progress(text: string): void {
  process.stderr.write(`${text} …\n`);
}

await main();
