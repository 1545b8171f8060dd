// Takes batches of access-log lines from edges: each line is stored exactly once, however often its batch is sent.
import { LRUCache } from "lru-cache";
import {
  ACCESS_LOG_KEPT_DAYS,
  createRows,
  type FindPlace,
  type LogBatch,
  type MakeRows,
  packBatch,
  saltFromKey,
  storeBatch as storeInClickHouse,
} from "../../../../agents/contract.ts";
import type { Logger } from "../../../../platform/log.ts";
import { askClickHouse, type ClickHouse } from "../../../database/clickhouse.ts";
import type { Database } from "../../../database/transaction.ts";
import { unavailable } from "../../../http/problems.ts";
import { createTurns } from "../traffic/turns.ts";
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
  findPlace?: FindPlace;
  log: Logger;
}) {
  const keepTrue = createKeepTrue(db);
  const turns = createTurns(TURNS);
  let waitingBytes = 0;
  let opening: Promise<{ makeRows: MakeRows; saltOf: (day: string) => Buffer }> | undefined;

  function opened() {
    opening ??= hashKey()
      .then((key) => {
        const saltOf = saltsFrom(key);
        return { saltOf, makeRows: createRows({ saltOf, findPlace }) };
      })
      .catch((error: unknown) => {
        opening = undefined;
        throw error;
      });
    return opening;
  }

  /** Resolves when the batch is stored; a problem means that it should be sent again, the same bytes. */
  async function storeBatch(sent: SentBatch, signal: AbortSignal): Promise<void> {
    const bytes = sent.body.length;
    if (waitingBytes > 0 && waitingBytes + bytes > WAITING_BYTES_MAX) throw tooMany();
    waitingBytes += bytes;
    const done = await turns.take(sent.edgeId, signal).finally(() => {
      waitingBytes -= bytes;
    });
    try {
      await storeInTurn(sent);
    } finally {
      done();
    }
  }

  async function storeInTurn(sent: SentBatch): Promise<void> {
    const { makeRows } = await opened();
    const batch: LogBatch = { id: sent.id, edgeId: sent.edgeId, receivedAt: clock() };
    const { rows, ...leftOut } = await packBatch(makeRows(sent.body, batch), keepTrue(sent.scope));
    tell(batch, leftOut);
    await askClickHouse(() => storeInClickHouse(clickhouse, { batch, rows, isRetry: sent.isRetry }));
  }

  function tell({ edgeId, id }: LogBatch, { faulty, first, dropped }: LeftOut): void {
    if (faulty > 0) log.warn({ edge_id: edgeId, batch_id: id, faulty, first }, "access-log lines were skipped");
    if (dropped > 0) {
      log.warn(
        { edge_id: edgeId, batch_id: id, dropped },
        "access-log lines were dropped: the edge's group does not carry what they are about, or has no such sample",
      );
    }
  }

  /**
   * The salts from that day on until a week ahead, for edges that make visitors nameless themselves. Only days of which
   * lines are taken: with the salts of a day and its rows, addresses could be guessed.
   */
  async function listSalts(from: string | undefined): Promise<readonly { day: string; salt: string }[]> {
    const { saltOf } = await opened();
    const todayMs = clock().getTime();
    const firstMs = Math.max(
      from === undefined ? todayMs - DAY_MS : Date.parse(from),
      todayMs - (ACCESS_LOG_KEPT_DAYS + 1) * DAY_MS,
    );
    const salts = [];
    for (let ms = firstMs; ms <= todayMs + SALT_DAYS_AHEAD * DAY_MS; ms += DAY_MS) {
      const day = new Date(ms).toISOString().slice(0, 10);
      salts.push({ day, salt: saltOf(day).toString("base64") });
    }
    return salts;
  }

  return { storeBatch, listSalts };
}

function tooMany() {
  return unavailable("access log", new Error("too many batches wait"));
}

interface LeftOut {
  readonly faulty: number;
  readonly first: string | undefined;
  readonly dropped: number;
}

/** A batch takes some 100 MB while it is worked on; more at once would only share the same processor. */
const BATCHES_AT_ONCE = 3;
/** Of one edge: it sends one at a time, and perhaps the same again when it has given the first up. */
const WAITING_EACH_MAX = 2;
const TURNS = {
  ...{ atOnce: BATCHES_AT_ONCE, forModest: 0, runningEachMax: 2 },
  ...{ waitingEachMax: WAITING_EACH_MAX, refusal: tooMany },
};
/** Behind these, an edge comes again later: its lines wait on its own disk. */
const WAITING_BYTES_MAX = 192 * 1024 * 1024;
const SALT_DAYS_AHEAD = 7;
const DAY_MS = 24 * 3600 * 1000;

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
