// Log lines straight to ClickHouse, where the operator names one: rows made here, stored exactly once as the control plane
// does it.
import { once } from "node:events";
import { ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { z } from "zod";
import type { Logger } from "../../platform/log.ts";
import { type PackedBatch, packBatch } from "../access-log/packed-rows.ts";
import type { FindPlace } from "../access-log/places.ts";
import { createRows, SaltMissing } from "../access-log/rows.ts";
import { INSERT_SECONDS_MAX, storeBatch } from "../access-log/store-batch.ts";
import type { LogDestination, SentBatch } from "./destination.ts";
import type { Salts } from "./salts.ts";

/** ClickHouse gives up before this does: what it answers is then true. */
const REQUEST_TIMEOUT_MS = (INSERT_SECONDS_MAX + 15) * 1000;
/** Days of a batch whose salts are asked for, one after the other. */
const SALTS_ASKED_MAX = 5;
// https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp: it cannot read what it was sent.
const UNREADABLE: ReadonlySet<string> = new Set(["26", "27", "33", "38", "41", "53", "72", "117", "131"]);

export function toClickHouse({
  url,
  salts,
  findPlace,
  log,
}: {
  /** May hold a password. */
  url: string;
  salts: Pick<Salts, "of" | "fetch">;
  findPlace: FindPlace;
  log: Logger;
}): LogDestination {
  const clickhouse = createClient({
    url,
    request_timeout: REQUEST_TIMEOUT_MS,
    max_open_connections: 2,
    compression: { request: true, response: false },
    log: { level: ClickHouseLogLevel.OFF },
    // As in control-plane/database/clickhouse.ts: acknowledged when it is stored.
    clickhouse_settings: { async_insert: 0, wait_end_of_query: 1 },
  });
  const makeRows = createRows({ saltOf: salts.of, findPlace });

  async function rowsOf({ id, edgeId, body }: SentBatch, receivedAt: Date, signal: AbortSignal): Promise<PackedBatch> {
    for (let asked = 0; ; asked += 1) {
      try {
        return await packBatch(makeRows(body, { id, edgeId, receivedAt }));
      } catch (error) {
        if (!(error instanceof SaltMissing) || asked === SALTS_ASKED_MAX) throw error;
        await salts.fetch(error.day, signal);
      }
    }
  }

  async function store(sent: SentBatch, signal: AbortSignal): Promise<void> {
    // By ClickHouse's clock: this edge's own may be the one that is wrong.
    const answer = await clickhouse.query({ query: NOW, format: "JSONEachRow", abort_signal: signal });
    const [{ now_ms }] = nowSchema.parse(await answer.json());
    const receivedAt = new Date(now_ms);
    const { rows, faulty, first } = await rowsOf(sent, receivedAt, signal);
    if (faulty > 0) log.warn({ faulty, first }, "access-log lines were skipped");
    const batch = { id: sent.id, edgeId: sent.edgeId, receivedAt };
    await storeBatch(clickhouse, { batch, rows, isRetry: sent.isRetry });
  }

  return {
    name: "ClickHouse",
    send: async (sent, signal) => {
      await unlessAborted(store(sent, signal), signal);
    },
    isFinal: (fault) => fault instanceof ClickHouseError && UNREADABLE.has(fault.code),
    isTooLarge: () => false,
    close: () => clickhouse.close(),
  };
}

const NOW = "SELECT toUnixTimestamp64Milli(now64(3)) AS now_ms";
const nowSchema = z.tuple([z.object({ now_ms: z.coerce.number() })]);

/** What is on its way when the agent ends may arrive: the next one sends it again. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const ended = once(signal, "abort", { signal: over.signal }).then(() => {
    throw new Error("the agent ends");
  });
  try {
    await Promise.race([work, ended]);
  } finally {
    over.abort();
  }
}
