// Takes batches of access-log lines from edges: each line is stored exactly once, however often its batch is sent.
import { LRUCache } from "lru-cache";
import {
  ACCESS_LOG_KEPT_DAYS,
  createRows,
  type LogBatch,
  type MakeRows,
  type openPlaces,
  saltFromKey,
  storeBatch as storeInClickHouse,
} from "../../../../agents/contract.ts";
import type { Logger } from "../../../../platform/log.ts";
import { askClickHouse, type ClickHouse } from "../../../database/clickhouse.ts";
import type { Database } from "../../../database/transaction.ts";
import { createKeepTrue } from "./access-log-truth.ts";

export interface SentBatch {
  readonly id: string;
  readonly edgeId: string;
  /** The edge's group. */
  readonly scope: string;
  readonly isRetry: boolean;
  readonly body: Buffer;
}

export type AccessLogService = ReturnType<typeof createAccessLogService>;

export function createAccessLogService({
  db,
  clickhouse,
  clock,
  hashKey,
  findPlace = () => ({ country: "", asn: 0 }),
  log,
}: {
  db: Database;
  clickhouse: ClickHouse;
  clock: () => Date;
  /** The platform's own: it stays when the master key that seals it rotates. */
  hashKey: () => Promise<Buffer>;
  /** Of a viewer's address. Default: nobody knows. */
  findPlace?: Awaited<ReturnType<typeof openPlaces>>;
  log: Logger;
}) {
  const keepTrue = createKeepTrue(db);
  let making: Promise<MakeRows> | undefined;

  function makeRows(): Promise<MakeRows> {
    making ??= hashKey()
      .then((key) => createRows({ saltOf: saltsFrom(key), findPlace }))
      .catch((error: unknown) => {
        making = undefined;
        throw error;
      });
    return making;
  }

  /** Resolves when the batch is stored; a problem means that it should be sent again, the same bytes. */
  async function storeBatch(sent: SentBatch): Promise<void> {
    const batch: LogBatch = { id: sent.id, edgeId: sent.edgeId, receivedAt: clock() };
    const { rows: read, faulty } = await (await makeRows())(sent.body, batch);
    if (faulty.count > 0) {
      log.warn(
        { edge_id: batch.edgeId, batch_id: batch.id, faulty: faulty.count, first: faulty.first },
        "access-log lines were skipped",
      );
    }
    const rows = await keepTrue(sent.scope, read);
    if (rows.length < read.length) {
      log.warn(
        { edge_id: batch.edgeId, batch_id: batch.id, dropped: read.length - rows.length },
        "access-log lines were dropped: the edge's group does not carry what they are about, or has no such sample",
      );
    }
    await askClickHouse(() => storeInClickHouse(clickhouse, { batch, rows, isRetry: sent.isRetry }));
  }

  return { storeBatch };
}

/** A day's salt is derived once. */
function saltsFrom(key: Buffer): (day: string) => Buffer {
  const salts = new LRUCache<string, Buffer>({ max: ACCESS_LOG_KEPT_DAYS });
  return (day) => {
    const known = salts.get(day);
    if (known !== undefined) return known;
    const salt = saltFromKey(key, day);
    salts.set(day, salt);
    return salt;
  };
}
