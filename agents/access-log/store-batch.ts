// Stores the rows of a batch in ClickHouse, each exactly once however often the batch is sent; for the control plane, and
// for agents that write there themselves. What its views count is put right by the control plane's reconciliation.
import { Readable } from "node:stream";
import type { ClickHouseClient } from "@clickhouse/client";
import { z } from "zod";
import { accessLogColumns, batchNumberOf, type PackedRows, withoutNumbers } from "./packed-rows.ts";
import type { LogBatch } from "./row.ts";
import { ACCESS_LOG_KEPT_DAYS } from "./rows.ts";

const DAY_MS = 24 * 3600 * 1000;
/** ClickHouse itself ends an insert that takes longer: after a multiple of this none is on its way any more. */
export const INSERT_SECONDS_MAX = 60;

export interface StoredBatch {
  readonly batch: LogBatch;
  /** Those of the whole batch, in the order of its lines: equal each time that it is sent. */
  readonly rows: readonly PackedRows[];
  /** The batch, or a part of it, may have been sent before. */
  readonly isRetry: boolean;
}

/** Resolves when all rows are stored. After a failure, whatever it was, the batch is to be sent again as a retry. */
export async function storeBatch(clickhouse: ClickHouseClient, { batch, rows, isRetry }: StoredBatch): Promise<void> {
  if (isNothing(rows)) return;
  if (!isRetry) return insertRows(clickhouse, rows, tokenOf(batch));
  await noteDoubt(clickhouse, rows);
  // Any line may be stored already, by an insert whose token the table's window has forgotten. And ClickHouse records a
  // token before it stores the rows: after a crash it may keep out rows that were never stored, so these get another. It
  // is the same for all who send the batch at once.
  const unseen = await findAbsentRows(
    clickhouse,
    batch,
    await findAbsentRows(clickhouse, batch, rows, spanOf),
    anyTime,
  );
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const absent = attempt === 0 ? unseen : await findAbsentRows(clickhouse, batch, unseen, spanOf);
    if (isNothing(absent)) return;
    await insertRows(clickhouse, absent, attempt === 0 ? tokenOf(batch) : `${tokenOf(batch)}/lost/${attempt}`);
  }
  if (!isNothing(await findAbsentRows(clickhouse, batch, unseen, spanOf)))
    throw new Error("ClickHouse keeps out rows that it has not");
}

/** ClickHouse has to be killed in as many inserts of one batch before its rows are refused. */
const ATTEMPTS_MAX = 10;

/** An edge cannot make another's batch look like one that was sent. */
function tokenOf(batch: LogBatch): string {
  return `${batch.edgeId}/${batch.id}`;
}

/**
 * One block, so that its rows of one day are stored together or not at all. ClickHouse drops, day by day, a block whose
 * token it has seen within the table's window, and likewise in the tables that its views fill.
 */
async function insertRows(clickhouse: ClickHouseClient, rows: readonly PackedRows[], token: string): Promise<void> {
  if (isNothing(rows)) return;
  await clickhouse.insert({
    table: "access_log",
    columns: [...accessLogColumns],
    values: Readable.from(
      rows.map(({ text }) => text),
      { objectMode: false },
    ),
    format: "TabSeparated",
    clickhouse_settings: {
      input_format_tsv_detect_header: 0,
      insert_deduplicate: 1,
      insert_deduplication_token: token,
      deduplicate_blocks_in_dependent_materialized_views: 1,
      // Threads that parse apart may cut other blocks each time.
      input_format_parallel_parsing: 0,
      max_insert_block_size: String(BLOCK_ROWS),
      // The views have each their own tables and tokens: which is first makes no difference, and the agent waits for all.
      parallel_view_processing: 1,
      // On a cluster: acknowledged when the shard has it.
      distributed_foreground_insert: 1,
      max_execution_time: INSERT_SECONDS_MAX,
    },
  });
}

/** Of the search for what is stored already. */
const LOOK_SECONDS_MAX = 25;
/** More than any batch has. */
const BLOCK_ROWS = 4_000_000;

/** Before anything is stored: whoever is killed in between has doubted in vain, which costs a comparison. */
async function noteDoubt(clickhouse: ClickHouseClient, rows: readonly PackedRows[]): Promise<void> {
  const hours = new Set(rows.flatMap((some) => [...some.hours]));
  await clickhouse.insert({
    table: "doubtful_hour",
    columns: ["hour"],
    values: [...hours].map((hour) => [hour]),
    format: "JSONCompactEachRow",
  });
}

const storedSchema = z.array(z.tuple([z.coerce.number()]));

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

async function findAbsentRows(
  clickhouse: ClickHouseClient,
  batch: LogBatch,
  rows: readonly PackedRows[],
  where: (rows: readonly PackedRows[], receivedAt: Date) => Span,
): Promise<readonly PackedRows[]> {
  if (isNothing(rows)) return [];
  const { fromMs, toMs } = where(rows, batch.receivedAt);
  const answer = await clickhouse.query({
    query: `SELECT DISTINCT batch_line FROM access_log
      WHERE time BETWEEN fromUnixTimestamp64Milli({from:Int64}) AND fromUnixTimestamp64Milli({to:Int64})
        AND edge_id = {edge_id:UUID} AND batch_id = {batch_id:UInt64}`,
    query_params: { from: fromMs, to: toMs, edge_id: batch.edgeId, batch_id: batchNumberOf(batch.id) },
    format: "JSONCompactEachRow",
    clickhouse_settings: { max_execution_time: LOOK_SECONDS_MAX },
  });
  const stored = new Set(storedSchema.parse(await answer.json()).map(([line]) => line));
  return rows.map((some) => withoutNumbers(some, stored));
}

function isNothing(rows: readonly PackedRows[]): boolean {
  return rows.every(({ numbers }) => numbers.length === 0);
}

/** Where most are found, at the cost of few parts. */
function spanOf(rows: readonly PackedRows[], receivedAt: Date): Span {
  const some = rows.filter(({ numbers }) => numbers.length > 0);
  return {
    fromMs: Math.min(receivedAt.getTime(), ...some.map(({ fromMs }) => fromMs)),
    toMs: Math.max(receivedAt.getTime(), ...some.map(({ toMs }) => toMs)),
  };
}

/**
 * What had its time set right has the time at which it arrived then; and a clock that was not to be believed at the first
 * sending may be at the next, when as much time has passed as it was ahead. What is too old is gone from the table, too.
 */
function anyTime(rows: readonly PackedRows[], receivedAt: Date): Span {
  const { fromMs, toMs } = spanOf(rows, receivedAt);
  return { fromMs: Math.min(fromMs, receivedAt.getTime() - ACCESS_LOG_KEPT_DAYS * DAY_MS), toMs };
}
