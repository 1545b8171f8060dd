// What customers asked for and waits for a worker: appended to the groups that have the distribution, a batch at a time, without
// compiling anything.
import { z } from "zod";
import { inTransaction, type Tx } from "../../database/transaction.ts";
import type { Candidate } from "./append.ts";
import { type AppendSettings, appendToCarriers, type GroupAppend, openWriter, scopesOf } from "./broadcast.ts";

/** Of bodies, in one transaction. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024;

interface Waiting {
  readonly id: string;
  readonly distribution_id: string;
}

interface Weighed {
  readonly id: string;
  readonly bytes: number;
}

/** How one kind of it is kept. */
export interface WaitingKind<Row extends Waiting> {
  readonly batchMax: number;
  /** Whose turn it is, of those that wait and that no other worker has in hand; held until the transaction ends. */
  readonly lock: (tx: Tx, limit: number) => Promise<readonly Weighed[]>;
  readonly find: (tx: Tx, ids: readonly string[]) => Promise<readonly Row[]>;
  readonly candidateOf: (row: Row) => Candidate;
  /** In the same transaction, whatever became of them. */
  readonly settle: (tx: Tx, rows: readonly Row[], groups: readonly GroupAppend[], now: Date) => Promise<void>;
}

/**
 * Each that waits has a job of its own: it finds its row done, or in hand of another. So one batch is enough, but for what was
 * locked and had no room in it: the jobs of those may have passed it by.
 */
export async function appendAllWaiting<Row extends Waiting>(
  settings: AppendSettings,
  kind: WaitingKind<Row>,
): Promise<void> {
  while (await appendBatch(settings, kind));
}

/** True when some that wait had no room. */
async function appendBatch<Row extends Waiting>(
  { db, signer, clock, announce }: AppendSettings,
  { batchMax, lock, find, candidateOf, settle }: WaitingKind<Row>,
): Promise<boolean> {
  const { appendedTo, isMore } = await inTransaction(db, async (tx) => {
    const locked = await lock(tx, batchMax);
    if (locked.length === 0) return { appendedTo: [], isMore: false };
    const rows = await find(tx, withinBytes(locked));
    const now = clock();
    const groups = await appendToCarriers(
      tx,
      await openWriter(tx, { signer, now }),
      rows.map((row) => ({ distributionId: row.distribution_id, candidate: candidateOf(row) })),
    );
    await settle(tx, rows, groups, now);
    return { appendedTo: scopesOf(groups), isMore: rows.length < locked.length };
  });
  for (const scope of appendedTo) announce(scope);
  return isMore;
}

/** The first of them, as many as one transaction takes on; at least one. */
function withinBytes(rows: readonly Weighed[]): readonly string[] {
  let bytes = 0;
  return rows.flatMap((row, index) => {
    bytes += row.bytes;
    return index === 0 || bytes <= BATCH_BYTES_MAX ? [row.id] : [];
  });
}

const weighedSchema = z.object({ rows: z.array(z.object({ id: z.uuid(), bytes: z.number() })) });

/**
 * Those that wait for a worker and that no other worker has in hand, held until the transaction ends: the first of each
 * account, then the second of each. Whoever has 100,000 waiting keeps nobody waiting but themselves. `bytes`: SQL for the
 * weight of a row `p`.
 */
export async function lockWaitingOf(
  tx: Tx,
  { table, bytes }: { table: "purge" | "prefetch"; bytes: string },
  limit: number,
): Promise<readonly Weighed[]> {
  const result: unknown = await tx.raw(
    `select p.id, ${bytes} as bytes from ${table} p
     join (select w.id, row_number() over (partition by d.account_id order by w.created_at, w.id) as turn
           from ${table} w join distribution d on d.id = w.distribution_id
           where w.appended_at is null) waiting on waiting.id = p.id
     where p.appended_at is null
     order by waiting.turn, p.created_at limit ? for update of p skip locked`,
    [limit],
  );
  return weighedSchema.parse(result).rows;
}
