// Lines to be counted, and whether the roll-ups say what the lines say, asked in another way than the views do. Tests only.
import { createHash, randomBytes, randomInt, randomUUID } from "node:crypto";
import { z } from "zod";
import type { AccessLogRow, LogBatch } from "../../../../agents/contract.ts";
import type { ClickHouse } from "../../../database/clickhouse.ts";
import {
  type Dimension,
  dimensions,
  HIT_STATUSES,
  sums,
  type TrafficTable,
  trafficTables,
  WHOLE_ACCOUNT,
} from "./tables.ts";

export interface TestBatch {
  readonly batch: LogBatch;
  readonly rows: readonly AccessLogRow[];
}

const accounts = [randomUUID(), randomUUID()].map((id) => ({ id, distributions: [randomUUID(), randomUUID()] }));

function pick<T>(from: readonly [T, ...T[]]): T {
  return from[randomInt(from.length)] ?? from[0];
}

/** Rows at these times, of random content: sampled ones among them. */
export function batchAt(times: readonly Date[], changes: Partial<AccessLogRow> = {}): TestBatch {
  const id = createHash("sha256").update(randomUUID()).digest("hex");
  const batch = { id, edgeId: randomUUID(), receivedAt: new Date() };
  const secondsOf = (time: Date) => (time.getTime() / 1000).toFixed(3);
  const rows = times.map((time, index): AccessLogRow => {
    const account = accounts[randomInt(accounts.length)] ?? { id: randomUUID(), distributions: [] };
    const isHit = randomInt(3) > 0;
    return {
      time: secondsOf(time),
      edge_time: secondsOf(time),
      received_at: secondsOf(batch.receivedAt),
      edge_id: batch.edgeId,
      provider: "gotipath",
      batch_id: id,
      batch_line: index + 1,
      request_id: randomBytes(16).toString("hex"),
      account_id: account.id,
      distribution_id: account.distributions[randomInt(2)] ?? randomUUID(),
      host: "www.example.com",
      method: "GET",
      path: `/${randomInt(20)}`,
      query: "",
      status: pick([200, 200, 304, 404, 500, 502]),
      cache_status: isHit ? pick(["HIT", "STALE", "UPDATING", "REVALIDATED"]) : pick(["MISS", "BYPASS", "NONE"]),
      bytes_out: randomInt(2 ** 30),
      bytes_in: randomInt(1000),
      origin_bytes: isHit ? 0 : randomInt(2 ** 30),
      duration_ms: randomInt(1000),
      origin_ms: isHit ? null : randomInt(500),
      ttfb_ms: pick([0, 1, 31, 32, randomInt(1000), randomInt(2 ** 32)]),
      protocol: pick(["HTTP/1.1", "HTTP/2.0", "HTTP/3.0"]),
      tls: "TLSv1.3",
      country: pick(["", "DE", "IT", "US"]),
      asn: 0,
      referrer_host: pick(["", "a.example", "b.example"]),
      user_agent_family: pick(["", "Chrome", "curl"]),
      content_kind: pick(["page", "image", "segment"]),
      client_hash: String(randomBytes(8).readBigUInt64BE()),
      weight: pick([1, 1, 20, 40]),
      ...changes,
    };
  });
  return { batch, rows };
}

const lineSchema = z.object({
  ...{ account_id: z.string(), distribution_id: z.string(), ms: z.number(), edge_id: z.string(), provider: z.string() },
  ...{
    country: z.string(),
    status: z.number(),
    cache_status: z.string(),
    protocol: z.string(),
    content_kind: z.string(),
  },
  ...{ ttfb_ms: z.number(), url: z.string(), referrer_host: z.string(), user_agent_family: z.string() },
  ...{ origin_ms: z.number().nullable(), weight: z.number() },
  ...{ bytes_out: z.number(), bytes_in: z.number(), origin_bytes: z.number() },
});
type Line = z.output<typeof lineSchema>;

const LINES = `SELECT account_id, distribution_id, toUnixTimestamp64Milli(time) AS ms, edge_id, provider, country, status, cache_status,
  protocol, content_kind, ttfb_ms, concat(host, path) AS url, referrer_host, user_agent_family, origin_ms, weight, bytes_out,
  bytes_in, origin_bytes FROM access_log`;

const countedSchema = z.object({ key: z.string(), sums: z.array(z.number()) });

async function read<Row extends z.ZodType>(clickhouse: ClickHouse, row: Row, query: string): Promise<z.output<Row>[]> {
  const answer = await clickhouse.query({
    query,
    format: "JSONEachRow",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return z.array(row).parse(await answer.json());
}

function sumsOf(line: Line): readonly number[] {
  const hit = HIT_STATUSES.some((status) => status === line.cache_status) ? line.weight : 0;
  return [
    line.weight,
    hit,
    line.status >= 500 ? line.weight : 0,
    line.bytes_out * line.weight,
    line.bytes_out * hit,
    line.bytes_in * line.weight,
    line.origin_ms === null ? 0 : line.weight,
    line.origin_bytes * line.weight,
  ];
}

/** The middle of its bucket: exact below 32, then 16 buckets to each doubling. */
function bucketOf(ms: number): number {
  if (ms < 32) return ms;
  const width = 2 ** (Math.floor(Math.log2(ms)) - 4);
  return Math.floor(ms / width) * width + Math.floor(width / 2);
}

function valuesOf(line: Line): Readonly<Record<Dimension, string>> {
  const { edge_id, provider, country, cache_status, protocol, content_kind } = line;
  const [status, ttfb] = [String(line.status), String(bucketOf(line.ttfb_ms))];
  return { all: "", edge_id, provider, country, status, cache_status, protocol, content_kind, ttfb };
}

type Counted = Map<string, readonly number[]>;

function add(counted: Counted, key: string, sums: readonly number[]): void {
  const before = counted.get(key);
  counted.set(key, before === undefined ? sums : before.map((sum, index) => sum + (sums[index] ?? 0)));
}

function countTraffic(lines: readonly Line[], { seconds, distributionDimensions }: TrafficTable): Counted {
  const counted: Counted = new Map();
  for (const line of lines) {
    const time = Math.floor(line.ms / 1000 / seconds) * seconds;
    const values = valuesOf(line);
    for (const dimension of dimensions) {
      const end = `${time} ${dimension} ${values[dimension]}`;
      add(counted, `${line.account_id} ${WHOLE_ACCOUNT} ${end}`, sumsOf(line));
      if (distributionDimensions.includes(dimension)) {
        add(counted, `${line.account_id} ${line.distribution_id} ${end}`, sumsOf(line));
      }
    }
  }
  return counted;
}

function countTops(lines: readonly Line[]): Counted {
  const counted: Counted = new Map();
  for (const line of lines) {
    const day = Math.floor(line.ms / 86_400_000);
    const sums = [line.weight, line.bytes_out * line.weight];
    const count = (scope: string, what: string, value: string) =>
      add(counted, `${line.account_id} ${scope} ${day} ${what} ${value}`, sums);
    count(line.distribution_id, "url", line.url);
    if (line.status >= 400) count(line.distribution_id, "error", `${line.status} ${line.url}`);
    for (const scope of [line.distribution_id, WHOLE_ACCOUNT]) {
      if (line.referrer_host !== "") count(scope, "referrer", line.referrer_host);
      if (line.user_agent_family !== "") count(scope, "user_agent", line.user_agent_family);
    }
  }
  return counted;
}

function countHeaviest(lines: readonly Line[]): Counted {
  const counted: Counted = new Map();
  for (const line of lines) add(counted, `${line.account_id} ${Math.floor(line.ms / 86_400_000)}`, [line.weight]);
  return counted;
}

const SUMS = `[${sums.map((name) => `sum(${name})`).join(", ")}] AS sums`;
const TRAFFIC_KEY =
  "concat(toString(account_id), ' ', toString(distribution_id), ' ', toString(toUnixTimestamp(time)), ' ', toString(dimension), ' ', value) AS key";
const TOP_KEY =
  "concat(toString(account_id), ' ', toString(distribution_id), ' ', toString(toUInt32(day)), ' ', toString(what), ' ', value) AS key";

/** What does not say what the lines say: empty, if all is well. */
export async function differences(clickhouse: ClickHouse): Promise<readonly string[]> {
  const lines = await read(clickhouse, lineSchema, LINES);
  const tables = [
    ...trafficTables.map((table) => ({
      name: table.name,
      query: `SELECT ${TRAFFIC_KEY}, ${SUMS} FROM ${table.name} GROUP BY key`,
      expected: countTraffic(lines, table),
    })),
    {
      name: "top_day",
      query: `SELECT ${TOP_KEY}, [sum(requests), sum(bytes_out)] AS sums FROM top_day GROUP BY key`,
      expected: countTops(lines),
    },
    {
      name: "top_account_day",
      query: `SELECT concat(toString(account_id), ' ', toString(toUInt32(day))) AS key, [sum(requests)] AS sums
        FROM top_account_day WHERE what = 'url' GROUP BY key`,
      expected: countHeaviest(lines),
    },
  ];
  const found = await Promise.all(
    tables.map(async ({ name, query, expected }) => {
      const rows = await read(clickhouse, countedSchema, query);
      // What was taken away leaves a row of zeros.
      const counted = rows.filter((row) => row.sums.some((sum) => sum !== 0));
      const wrong = counted.filter(({ key, sums: own }) => String(expected.get(key)) !== String(own));
      const missing = expected.size - counted.filter(({ key }) => expected.has(key)).length;
      return wrong.length + missing === 0 ? [] : [`${name}: ${wrong.length} wrong, ${missing} missing`];
    }),
  );
  return found.flat();
}

const rowsSchema = z.tuple([z.object({ rows: z.coerce.number(), lines: z.coerce.number() })]);

export async function storedRows(clickhouse: ClickHouse): Promise<{ rows: number; lines: number }> {
  const query = "SELECT count() AS rows, uniqExact(edge_id, batch_id, batch_line) AS lines FROM access_log";
  const answer = await clickhouse.query({ query, format: "JSONEachRow" });
  return rowsSchema.parse(await answer.json())[0];
}
