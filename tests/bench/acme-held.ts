// What it costs an edge to hold 20,000 certificates, each for a name of its own: memory, and handshakes beside nginx with one
// certificate in a file, in turns in the same run. The server under load has one core to itself, the viewers the other.
// Part of `npm run bench:acme`; with `-- --quick` it is short and rough.
import { parseArgs } from "node:util";
import { type Part, stopInReverse } from "../../platform/lifecycle.ts";
import { pin } from "./edge-servers.ts";
import { type HandshakeLoad, serialShown, shakeHands, ticketsFor } from "./handshakes.ts";
import { type HoldingEdge, startHoldingEdge, startPlainNginx, type TlsServer } from "./held-certificates.ts";

const SERVER_CORE = 0;
const LOAD_CORE = 1;
const CONNECTIONS = 32;
const RESUMED_NAMES = 500;
const CHECKED_NAMES = 200;
const KB = 1024;

const WHOLE = { certificates: 20_000, rounds: 7, handshakes: 4000 };
const QUICK = { certificates: 2000, rounds: 3, handshakes: 1000 };
type Extent = typeof WHOLE;

type Load = Omit<HandshakeLoad, "connections" | "handshakes">;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: "boolean" } } });
  const extent = values.quick === true ? QUICK : WHOLE;
  await pin(process.pid, LOAD_CORE);
  const parts: Part[] = [];
  async function started<Server extends TlsServer>(name: string, server: Promise<Server>): Promise<Server> {
    const { stop } = await server;
    parts.push({ name, stop });
    return server;
  }
  try {
    progress("an edge without certificates");
    const empty = await started("empty", startHoldingEdge(extent.certificates, 0, SERVER_CORE));
    progress("an edge with all of them");
    const edge = await started("edge", startHoldingEdge(extent.certificates, extent.certificates, SERVER_CORE));
    const plain = await started("plain", startPlainNginx(SERVER_CORE));
    const memory = await measureMemory(edge, await empty.memoryBytes());
    await assertShown(edge);
    const handshakes = await measureHandshakes(edge, plain, extent);
    const report = { extent, connections: CONNECTIONS, start_ms: Math.round(edge.startMs), memory, handshakes };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } finally {
    await stopInReverse(parts);
  }
}

/** Before anybody has come, and after a viewer has come for each name. */
async function measureMemory({ port, names, memoryBytes }: HoldingEdge, emptyBytes: number) {
  const each = async () => Math.round((((await memoryBytes()) - emptyBytes) / names.length / KB) * 10) / 10;
  const held = await each();
  progress("a viewer for each name");
  for (const at of names.keys()) await serialShown(port, names[at] ?? "");
  return { kb_per_certificate_held: held, kb_per_certificate_in_use: await each() };
}

async function assertShown({ port, names, serials }: HoldingEdge): Promise<void> {
  const step = Math.max(1, Math.floor(names.length / CHECKED_NAMES));
  for (let at = 0; at < names.length; at += step) {
    const name = names[at] ?? "";
    if ((await serialShown(port, name)) !== serials.get(name)) throw new Error(`${name} is shown another certificate`);
  }
}

async function measureHandshakes(edge: HoldingEdge, plain: TlsServer, extent: Extent) {
  const [first = ""] = edge.names;
  const some = edge.names.slice(0, RESUMED_NAMES);
  const ticketsOf = async ({ port }: TlsServer) => ({ port, names: some, tickets: await ticketsFor(port, some) });
  const loads: Readonly<Record<string, { ours: Load; theirs: Load }>> = {
    one_name: { ours: { port: edge.port, names: [first] }, theirs: { port: plain.port, names: [first] } },
    all_names: { ours: { port: edge.port, names: edge.names }, theirs: { port: plain.port, names: edge.names } },
    resumed: { ours: await ticketsOf(edge), theirs: await ticketsOf(plain) },
  };
  const reports = [];
  for (const [load, { ours, theirs }] of Object.entries(loads)) {
    const [mine, others]: [Round[], Round[]] = [[], []];
    for (let round = 0; round <= extent.rounds; round += 1) {
      progress(`${load}: ${round === 0 ? "warming up" : `round ${round} of ${extent.rounds}`}`);
      const taken = [await measureRound(edge, ours, extent), await measureRound(plain, theirs, extent)] as const;
      if (round > 0) [mine, others].forEach((list, index) => void list.push(taken[index === 0 ? 0 : 1]));
    }
    const [edgewright, nginx] = [summaryOf(mine), summaryOf(others)];
    reports.push({ load, edgewright, nginx, against_nginx: rounded(edgewright.per_cpu_second / nginx.per_cpu_second) });
  }
  return reports;
}

interface Round {
  readonly perCpuSecond: number;
  readonly perSecond: number;
}

async function measureRound(server: TlsServer, load: Load, { handshakes }: Extent): Promise<Round> {
  const [before, began] = [await server.cpuSeconds(), performance.now()];
  await shakeHands({ ...load, connections: CONNECTIONS, handshakes });
  const [cpuSeconds, tookMs] = [(await server.cpuSeconds()) - before, performance.now() - began];
  return { perCpuSecond: handshakes / cpuSeconds, perSecond: (handshakes / tookMs) * 1000 };
}

function summaryOf(rounds: readonly Round[]) {
  return {
    per_cpu_second: Math.round(median(rounds.map(({ perCpuSecond }) => perCpuSecond))),
    per_second: Math.round(median(rounds.map(({ perSecond }) => perSecond))),
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
