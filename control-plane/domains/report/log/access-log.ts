// What a batch of access-log lines means: parsed line by line, times set right, visitors made nameless. No I/O.
import { createHmac, hkdfSync } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { z } from "zod";
import { accessLogLineSchema } from "../../../../agents/contract.ts";

export interface Batch {
  readonly id: string;
  readonly edgeId: string;
  readonly receivedAt: Date;
}

export interface ParsedBatch {
  readonly rows: readonly AccessLogRow[];
  readonly faulty: { readonly count: number; readonly first: string | undefined };
}

/** Hides an address: the same all day, another the next day. */
export type HashClient = (address: string, at: Date) => string;

const SKEW_MAX_MS = 5 * 60 * 1000;
/** As the table's TTL: what is older would vanish at once. */
export const KEPT_DAYS = 90;
const DAY_MS = 24 * 3600 * 1000;
/** Other requests get their turn in between: a full batch takes a tenth of a second. */
const LINES_PER_TURN = 500;

const UINT16_MAX = 2 ** 16 - 1;
const UINT32_MAX = 2 ** 32 - 1;
// ClickHouse refuses a whole insert for half of a surrogate pair; UTF-8 has none, so it becomes U+FFFD.
const text = z.string().transform((value) => Buffer.from(value, "utf8").toString("utf8"));
const count = z.int().min(0);
/** 8 TiB in one answer: more is no traffic. */
const bytes = count.max(2 ** 43);

/** Narrower than the contract where a column is: one bad line must not cost its batch. */
const lineSchema = accessLogLineSchema.extend({
  time: z
    .string()
    .regex(/^\d{1,10}(\.\d{1,3})?$/)
    .transform((seconds) => new Date(Math.round(Number(seconds) * 1000))),
  request_id: text,
  account: z.uuid().toLowerCase(),
  distribution: z.uuid().toLowerCase(),
  host: text,
  method: text,
  path: text,
  status: count.max(UINT16_MAX),
  cache_status: text,
  bytes_out: bytes,
  bytes_in: bytes,
  duration_ms: count.max(UINT32_MAX),
  origin_ms: count.max(UINT32_MAX).nullable(),
  protocol: text,
  tls: text,
  referrer_host: text,
  user_agent: text,
});

type Line = z.output<typeof lineSchema>;

/** A row of the table access_log. Times are unix seconds with milliseconds, as ClickHouse reads a DateTime64. */
export interface AccessLogRow extends Omit<Line, "time" | "account" | "distribution" | "client"> {
  readonly time: string;
  readonly edge_time: string;
  readonly received_at: string;
  readonly edge_id: string;
  readonly batch_id: string;
  readonly batch_line: number;
  readonly account_id: string;
  readonly distribution_id: string;
  readonly client_hash: string;
}

export async function parseBatch(body: Buffer, batch: Batch, hashClient: HashClient): Promise<ParsedBatch> {
  const lines = body.toString("utf8").split("\n");
  const rows: AccessLogRow[] = [];
  const faults: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (index % LINES_PER_TURN === LINES_PER_TURN - 1) await nextTurn();
    if (line.trim() === "") continue;
    const read = readLine(line);
    if ("line" in read) rows.push(rowOf(read.line, index + 1, batch, hashClient));
    else faults.push(`line ${index + 1}: ${read.fault}`);
  }
  return { rows, faulty: { count: faults.length, first: faults[0] } };
}

function readLine(line: string): { line: Line } | { fault: string } {
  const json = jsonOf(line);
  if (json === undefined) return { fault: "is not JSON" };
  const parsed = lineSchema.safeParse(json);
  return parsed.success ? { line: parsed.data } : { fault: describe(parsed.error) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Names the field and what is wrong with it, never the value: lines hold what viewers sent. */
function describe(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? "unreadable" : `${issue.path.join(".")}: ${issue.message}`;
}

function rowOf(line: Line, number: number, batch: Batch, hashClient: HashClient): AccessLogRow {
  const { time, account, distribution, client, ...rest } = line;
  return {
    ...rest,
    time: secondsOf(rightTime(time, batch.receivedAt)),
    edge_time: secondsOf(time),
    received_at: secondsOf(batch.receivedAt),
    edge_id: batch.edgeId,
    batch_id: batch.id,
    batch_line: number,
    account_id: account,
    distribution_id: distribution,
    client_hash: hashClient(client, time),
  };
}

/**
 * A line from the future was written by a clock that is ahead. One from the past may simply have waited while the
 * control plane was away, so it keeps its time as long as anything of that time is kept.
 */
export function rightTime(edgeTime: Date, receivedAt: Date): Date {
  const aheadMs = edgeTime.getTime() - receivedAt.getTime();
  const isBelievable = aheadMs <= SKEW_MAX_MS && aheadMs > -KEPT_DAYS * DAY_MS;
  return isBelievable ? edgeTime : receivedAt;
}

/** Where in time these rows lie, those of an earlier sending too: what had its time set right arrived earlier then. */
export function spanOf(rows: readonly AccessLogRow[], receivedAt: Date): { from: Date; to: Date } {
  let from = receivedAt.getTime();
  let to = from;
  for (const row of rows) {
    const at = row.time === row.edge_time ? Number(row.time) * 1000 : receivedAt.getTime() - KEPT_DAYS * DAY_MS;
    from = Math.min(from, at);
    to = Math.max(to, at);
  }
  return { from: new Date(from), to: new Date(to) };
}

function secondsOf(time: Date): string {
  return (time.getTime() / 1000).toFixed(3);
}

const HASH_HEX_DIGITS = 32;

/** The day's salt comes from one key, so all processes have the same one and none is stored. */
export function createClientHash(key: Buffer): HashClient {
  const salts = new Map<string, Buffer>();
  return (address, at) => {
    const day = at.toISOString().slice(0, 10);
    const salt = salts.get(day) ?? Buffer.from(hkdfSync("sha256", key, "", `edgewright client hash ${day}`, 32));
    if (salts.size >= KEPT_DAYS) salts.clear();
    salts.set(day, salt);
    return createHmac("sha256", salt).update(address).digest("hex").slice(0, HASH_HEX_DIGITS);
  };
}
