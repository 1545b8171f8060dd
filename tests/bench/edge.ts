// What a hit, a miss and a herd cost our edge, beside nginx's own `proxy_cache`, Varnish and Traffic Server, which take
// turns in the same run. The server under load has one core to itself; load and origin are on the other.
// `npm run bench:edge`; with `-- --quick` it is short and rough, with `-- --plot <file>` it draws the hits, too.
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { type Part, stopInReverse } from "../../platform/lifecycle.ts";
import { runWrk } from "../peers/wrk.ts";
import { temporaryFolder } from "../system/product.ts";
import { barChart } from "./bar-chart.ts";
import { type EdgeOrigin, startEdgeOrigin } from "./edge-origin.ts";
import { BENCHED_HOST, type BenchedServer, pin, startOurs, startPeer } from "./edge-servers.ts";
import { type HerdReport, sendHerd } from "./herd.ts";

const SERVER_CORE = 0;
const LOAD_CORE = 1;
const CONNECTIONS = 32;
const PEERS = ["nginx", "varnish", "traffic-server"] as const;
const HEADERS = {
  Host: BENCHED_HOST,
  "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  Accept: "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
  "Accept-Language": "en-US,en;q=0.5",
  "Accept-Encoding": "gzip, deflate, br, zstd",
};

interface Extent {
  readonly rounds: number;
  readonly seconds: number;
  readonly herdsOfEach: number;
}
const WHOLE: Extent = { rounds: 7, seconds: 4, herdsOfEach: 7 };
const QUICK: Extent = { rounds: 2, seconds: 1, herdsOfEach: 2 };

/** Of those that are nginx; the others keep what they serve in memory. */
const OPEN_FILE_CACHE = { edgewright: true, nginx: false };

const LOADS = [
  { name: "hits_1k", path: "/1k.jpg" },
  { name: "hits_100k", path: "/100k.jpg" },
  { name: "misses_1k", path: "/each/", isEachItsOwn: true },
] as const;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: "boolean" }, plot: { type: "string" } } });
  const extent = values.quick === true ? QUICK : WHOLE;
  await pin(process.pid, LOAD_CORE);
  const parts: Part[] = [];
  try {
    const folder = await temporaryFolder("bench-edge");
    parts.push({ name: "folder", stop: folder.remove });
    const origin = await startEdgeOrigin(folder.path, LOAD_CORE);
    parts.push({ name: "origin", stop: origin.stop });
    const servers = await startServers(origin, parts);
    const loads = [];
    for (const load of LOADS) loads.push({ load: load.name, servers: await measureLoad(servers, load, extent) });
    const herds = await measureHerds(servers, origin, extent);
    const versions = Object.fromEntries(servers.map(({ name, version }) => [name, version]));
    const report = { extent, connections: CONNECTIONS, versions, open_file_cache: OPEN_FILE_CACHE, loads, herds };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    if (values.plot !== undefined) await writeFile(values.plot, plotOf(loads));
  } finally {
    await stopInReverse(parts);
  }
}

function plotOf(
  loads: readonly { load: string; servers: readonly { server: string; per_cpu_second: number }[] }[],
): string {
  const groups = loads
    .filter(({ load }) => load.startsWith("hits"))
    .map(({ load, servers }) => ({
      name: load.replace("_", " of ").replace("k", " KiB"),
      bars: servers.map(({ server, per_cpu_second }) => ({ name: server, value: per_cpu_second })),
    }));
  return barChart({ title: "Hits per second of the server's processor time", groups });
}

async function startServers(origin: EdgeOrigin, parts: Part[]): Promise<readonly BenchedServer[]> {
  const servers: BenchedServer[] = [];
  const starts = [
    () => startOurs(origin.port, SERVER_CORE),
    ...PEERS.map((name) => () => startPeer(name, origin.port, SERVER_CORE)),
  ];
  for (const start of starts) {
    const server = await start();
    servers.push(server);
    parts.push(server);
  }
  return servers;
}

interface Round {
  readonly perCpuSecond: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function measureLoad(
  servers: readonly BenchedServer[],
  load: (typeof LOADS)[number],
  { rounds, seconds }: Extent,
) {
  const measured = new Map(servers.map((server) => [server, [] as Round[]]));
  // The first round fills caches and compiles; it counts for nothing.
  for (let round = 0; round <= rounds; round += 1) {
    progress(`${load.name}: ${round === 0 ? "warming up" : `round ${round} of ${rounds}`}`);
    for (const [server, taken] of measured) {
      const result = await measureRound(server, load, { round, seconds });
      if (round > 0) taken.push(result);
    }
  }
  const summaries = [...measured].map(([{ name }, taken]) => ({ server: name, ...summaryOf(taken) }));
  const plain = summaries.find(({ server }) => server === "nginx")?.per_cpu_second ?? Number.NaN;
  return summaries.map((summary) => ({ ...summary, against_nginx: rounded(summary.per_cpu_second / plain) }));
}

async function measureRound(
  server: BenchedServer,
  { path, ...load }: (typeof LOADS)[number],
  { round, seconds }: { round: number; seconds: number },
): Promise<Round> {
  const below = "isEachItsOwn" in load ? { below: `${path}${server.name}-${round}-` } : {};
  const url = `http://${BENCHED_HOST}:${server.port}${path}`;
  const before = await server.cpuSeconds();
  const report = await runWrk({ url, headers: HEADERS, connections: CONNECTIONS, core: LOAD_CORE, seconds, ...below });
  const cpuSeconds = (await server.cpuSeconds()) - before;
  const { requests, p50Ms, p99Ms } = report;
  return { perCpuSecond: requests / cpuSeconds, perSecond: requests / report.seconds, p50Ms, p99Ms };
}

function summaryOf(rounds: readonly Round[]) {
  return {
    per_cpu_second: Math.round(median(rounds.map(({ perCpuSecond }) => perCpuSecond))),
    per_second: Math.round(median(rounds.map(({ perSecond }) => perSecond))),
    p50_ms: rounded(median(rounds.map(({ p50Ms }) => p50Ms))),
    p99_ms: rounded(median(rounds.map(({ p99Ms }) => p99Ms))),
  };
}

/** Everybody at once for what is new and may be kept, for what is new and may not, and for the latter once more. */
async function measureHerds(servers: readonly BenchedServer[], origin: EdgeOrigin, { herdsOfEach }: Extent) {
  const reports = [];
  for (const server of servers) {
    progress(`herds: ${server.name}`);
    const cacheable: HerdReport[] = [];
    const first: HerdReport[] = [];
    const known: HerdReport[] = [];
    for (let herd = 0; herd < herdsOfEach; herd += 1) {
      const send = (path: string) => sendHerd(origin, { port: server.port, host: BENCHED_HOST, path });
      cacheable.push(await send(`/slow/kept-${herd}.jpg`));
      first.push(await send(`/slow/no-store-${herd}.jpg`));
      known.push(await send(`/slow/no-store-${herd}.jpg`));
    }
    reports.push({
      server: server.name,
      cacheable: herdSummaryOf(cacheable),
      first_no_store: herdSummaryOf(first),
      known_no_store: herdSummaryOf(known),
    });
  }
  return reports;
}

function herdSummaryOf(herds: readonly HerdReport[]): HerdReport {
  return {
    median: rounded(median(herds.map((herd) => herd.median))),
    max: rounded(median(herds.map((herd) => herd.max))),
    origin_requests: median(herds.map((herd) => herd.origin_requests)),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function progress(line: string): void {
  process.stderr.write(`… ${line}\n`);
}

await main();
