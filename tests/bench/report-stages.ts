// The stages of a line's way, each alone and as fast as it can, on lines of the same traffic: the agent's cutting and
// packing, the making of rows, ClickHouse with all roll-ups; and the floor, the same rows into the same table without any.
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { createRows, openPlaces, packBatch, type StoredBatch, saltFromKey, storeBatch } from "../../agents/contract.ts";
import { toControlPlane } from "../../agents/logs/destination.ts";
import { noShippingCounts, shipLogs } from "../../agents/logs/ship.ts";
import { type ClickHouse, connectClickHouse } from "../../control-plane/database/clickhouse.ts";
import { createLogger } from "../../platform/log.ts";
import { type Traffic, writeLines } from "./report-lines.ts";

const LINES = 400_000;
const HOUR_MS = 3600 * 1000;
const LOOK_EVERY_MS = 5;
const FLOOR_DATABASE = "bench_floor";

type Made = readonly Omit<StoredBatch, "isRetry">[];

export async function measureStages(
  { clickhouse, url, traffic }: { clickhouse: ClickHouse; url: string; traffic: Traffic },
  folder: string,
) {
  // Of an account of its own, so that no question is answered otherwise.
  const others = { ...traffic, account: randomUUID() };
  const { packed, ...agent } = await measureAgent(others, join(folder, "stages"));
  const { made, ...rows } = await measureRows(packed);
  return {
    "agent: read, cut, check, compress, note": agent,
    "control plane: unpack, read each line, make rows": rows,
    "clickhouse: lines and all roll-ups": await measureStore(clickhouse, made),
    "the floor: the same rows into a table without roll-ups": await measureFloor(clickhouse, { url, made }),
  };
}

interface Packed {
  readonly id: string;
  readonly gzip: Buffer;
}

/** As the agent does it, with nobody behind who takes time. */
async function measureAgent(traffic: Traffic, folder: string) {
  await mkdir(folder, { recursive: true });
  const toMs = Date.now() - HOUR_MS;
  const stretch = { fromMs: toMs - HOUR_MS, toMs, count: LINES };
  await writeLines(join(folder, `access.log.${toMs}`), traffic, stretch);
  const packed: Packed[] = [];
  const counts = { ...noShippingCounts(), pendingBytes: 1 };
  const sendLogs: Parameters<typeof toControlPlane>[0]["sendLogs"] = async ({ id, gzip }) => {
    packed.push({ id, gzip });
  };
  const stop = new AbortController();
  const startedAt = performance.now();
  const shipping = shipLogs(
    {
      folder,
      edgeId: () => "bench",
      rotateBytes: Number.MAX_SAFE_INTEGER,
      unsentBytesMax: Number.MAX_SAFE_INTEGER,
      diskFreeBytesMin: 0,
      destination: toControlPlane({ sendLogs }),
      reopen: () => {},
      counts,
      log: createLogger({ role: "bench", level: "warn" }),
    },
    stop.signal,
  );
  while (counts.pendingBytes > 0) await wait(LOOK_EVERY_MS);
  const tookS = (performance.now() - startedAt) / 1000;
  stop.abort();
  await shipping;
  const bytes = packed.reduce((sum, { gzip }) => sum + gzip.length, 0);
  return { packed, ...perSecond(tookS), batches: packed.length, bytes_sent_per_line: Math.round(bytes / LINES) };
}

async function measureRows(packed: readonly Packed[]) {
  const key = Buffer.alloc(32, 7);
  const findPlace = await openPlaces({});
  const salts = new Map<string, Buffer>();
  const saltOf = (day: string) => {
    const salt = salts.get(day) ?? saltFromKey(key, day);
    salts.set(day, salt);
    return salt;
  };
  const makeRows = createRows({ saltOf, findPlace });
  const edgeId = randomUUID();
  const made: Made[number][] = [];
  const startedAt = performance.now();
  for (const { id, gzip } of packed) {
    const batch = { id, edgeId, receivedAt: new Date() };
    const { rows } = await packBatch(makeRows(await promisify(gunzip)(gzip), batch));
    made.push({ batch, rows });
  }
  return { made, ...perSecond((performance.now() - startedAt) / 1000) };
}

async function measureStore(clickhouse: ClickHouse, made: Made) {
  const startedAt = performance.now();
  for (const { batch, rows } of made) await storeBatch(clickhouse, { batch, rows, isRetry: false });
  return perSecond((performance.now() - startedAt) / 1000);
}

async function measureFloor(clickhouse: ClickHouse, { url, made }: { url: string; made: Made }) {
  const bare = new URL(url);
  const from = bare.pathname.slice(1);
  bare.pathname = `/${FLOOR_DATABASE}`;
  await clickhouse.command({ query: `CREATE DATABASE ${FLOOR_DATABASE}` });
  await clickhouse.command({ query: `CREATE TABLE ${FLOOR_DATABASE}.access_log AS ${from}.access_log` });
  const floor = connectClickHouse(bare.href);
  try {
    return await measureStore(floor.clickhouse, made);
  } finally {
    await floor.part.stop();
    await clickhouse.command({ query: `DROP DATABASE ${FLOOR_DATABASE}` });
  }
}

function perSecond(tookS: number): { readonly lines_per_second: number } {
  return { lines_per_second: Math.round(LINES / tookS) };
}
