// The table access_log: what was stored of a batch, and how more of it is stored.
import { z } from "zod";
import type { AccessLogRow, LogBatch } from "../../../../agents/contract.ts";
import type { ClickHouse } from "../../../database/clickhouse.ts";
import { spanOf } from "./access-log.ts";

/**
 * One block, so that its rows of one month are stored together or not at all. ClickHouse drops, month by month, a block
 * whose token it has seen within the table's window.
 */
export async function insertRows(clickhouse: ClickHouse, rows: readonly AccessLogRow[], token: string): Promise<void> {
  if (rows.length === 0) return;
  await clickhouse.insert({
    table: "access_log",
    values: [...rows],
    format: "JSONEachRow",
    clickhouse_settings: {
      insert_deduplicate: 1,
      insert_deduplication_token: token,
      // Threads that parse apart may cut other blocks each time.
      input_format_parallel_parsing: 0,
    },
  });
}

const storedSchema = z.array(z.object({ batch_line: z.coerce.number() }));

/** Those of the batch's rows that are not stored yet. */
export async function findAbsentRows(
  clickhouse: ClickHouse,
  batch: LogBatch,
  rows: readonly AccessLogRow[],
): Promise<readonly AccessLogRow[]> {
  if (rows.length === 0) return [];
  const { from, to } = spanOf(rows, batch.receivedAt);
  const answer = await clickhouse.query({
    query: `SELECT DISTINCT batch_line FROM access_log
      WHERE time BETWEEN fromUnixTimestamp64Milli({from:Int64}) AND fromUnixTimestamp64Milli({to:Int64})
        AND edge_id = {edge_id:UUID} AND batch_id = {batch_id:String}`,
    query_params: { from: from.getTime(), to: to.getTime(), edge_id: batch.edgeId, batch_id: batch.id },
    format: "JSONEachRow",
  });
  const stored = new Set(storedSchema.parse(await answer.json()).map((row) => row.batch_line));
  return rows.filter((row) => !stored.has(row.batch_line));
}
