// Rows as ClickHouse reads them (TabSeparated): written at once, some hundreds together, so that a batch is a few buffers
// and not a million objects that the garbage collector has to carry along.
import type { AccessLogRow } from "./row.ts";
import type { MadeRows } from "./rows.ts";

export interface PackedRows {
  /** `batch_line` of each, in their order. */
  readonly numbers: readonly number[];
  /** Their times lie between these. */
  readonly fromMs: number;
  readonly toMs: number;
  /** The beginnings of their hours, in unix seconds. */
  readonly hours: ReadonlySet<number>;
  /** A line of text for each. */
  readonly text: Buffer;
}

const HOUR_S = 3600;

export const accessLogColumns = [
  "time",
  "edge_time",
  "received_at",
  "edge_id",
  "provider",
  "batch_id",
  "batch_line",
  "request_id",
  "account_id",
  "distribution_id",
  "host",
  "method",
  "path",
  "query",
  "status",
  "cache_status",
  "bytes_out",
  "bytes_in",
  "origin_bytes",
  "duration_ms",
  "origin_ms",
  "ttfb_ms",
  "protocol",
  "tls",
  "country",
  "asn",
  "referrer_host",
  "user_agent_family",
  "content_kind",
  "client_hash",
  "weight",
] as const satisfies readonly (keyof AccessLogRow)[];
type Column = (typeof accessLogColumns)[number];
const LAST_COLUMN = accessLogColumns[accessLogColumns.length - 1];
// A column that is left out does not compile.
type WholeRow = Pick<AccessLogRow, Column> & Record<Exclude<keyof AccessLogRow, Column>, never>;

/** Of one batch. */
export function packRows(rows: readonly WholeRow[]): PackedRows {
  const [first] = rows;
  const batchNumber = first === undefined ? "" : batchNumberOf(first.batch_id);
  const hours = new Set<number>();
  let [fromMs, toMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let text = "";
  for (const row of rows) {
    const time = Number(row.time);
    const atMs = Math.round(time * 1000);
    fromMs = Math.min(fromMs, atMs);
    toMs = Math.max(toMs, atMs);
    hours.add(Math.floor(time / HOUR_S) * HOUR_S);
    text += textOf(row, batchNumber);
  }
  return { numbers: rows.map((row) => row.batch_line), fromMs, toMs, hours, text: Buffer.from(text) };
}

export interface PackedBatch {
  readonly rows: readonly PackedRows[];
  /** Lines that are none, and what is wrong with the first. */
  readonly faulty: number;
  readonly first: string | undefined;
  /** Rows that were not to be kept. */
  readonly dropped: number;
}

export type KeepRows = (rows: readonly AccessLogRow[]) => Promise<readonly AccessLogRow[]>;

/** All of a batch as it is made. Default: every row is kept. */
export async function packBatch(made: AsyncIterable<MadeRows>, keep?: KeepRows): Promise<PackedBatch> {
  const packed: PackedRows[] = [];
  let [faulty, dropped] = [0, 0];
  let first: string | undefined;
  for await (const { rows, faulty: faults } of made) {
    const kept = keep === undefined ? rows : await keep(rows);
    packed.push(packRows(kept));
    faulty += faults.count;
    first ??= faults.first;
    dropped += rows.length - kept.length;
  }
  return { rows: packed, faulty, first, dropped };
}

export function withoutNumbers(packed: PackedRows, left: ReadonlySet<number>): PackedRows {
  if (!packed.numbers.some((number) => left.has(number))) return packed;
  const lines = packed.text.toString("utf8").split("\n");
  const kept = packed.numbers.flatMap((number, index) => (left.has(number) ? [] : [{ number, line: lines[index] }]));
  return {
    ...packed,
    numbers: kept.map(({ number }) => number),
    text: Buffer.from(kept.map(({ line }) => `${line}\n`).join("")),
  };
}

function textOf(row: WholeRow, batchNumber: string): string {
  let text = "";
  for (const column of accessLogColumns) {
    const value = column === "batch_id" ? batchNumber : row[column];
    text += value === null ? "\\N" : typeof value === "string" ? escaped(value) : value;
    text += column === LAST_COLUMN ? "\n" : "\t";
  }
  return text;
}

const SPECIAL = /[\t\n\r\\]/;
const ESCAPES: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\" };

function escaped(text: string): string {
  if (!SPECIAL.test(text)) return text;
  return text.replace(/[\t\n\r\\]/g, (character) => ESCAPES[character] ?? character);
}

/** The table keeps 8 bytes of a batch's id: no edge has two batches whose hashes begin with the same ones. */
export function batchNumberOf(id: string): string {
  return BigInt(`0x${id.slice(0, 16)}`).toString();
}
