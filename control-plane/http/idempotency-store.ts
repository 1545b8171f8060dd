// The idempotency_key table: a row is claimed, filled and seen by others in one transaction, or not at all.
import { z } from "zod";
import { type Sealed, sealedSchema } from "../../platform/seal.ts";
import type { Database, Tx } from "../database/transaction.ts";

/** How long an answer is kept. The database's clock counts, since all processes share it. */
const KEPT_HOURS = 24;

export interface KeyName {
  readonly caller: string;
  readonly key: string;
}

/**
 * Whether the key is now this transaction's to fill. Waits for another transaction that has claimed it and not ended. An
 * answer that is too old is as good as none.
 */
export async function claimKey(tx: Tx, { caller, key }: KeyName): Promise<boolean> {
  const answer: unknown = await tx.raw(
    `insert into idempotency_key as kept (caller, key) values (?, ?)
     on conflict (caller, key) do update set answer_sealed = null, created_at = now()
       where kept.created_at < now() - make_interval(hours => ${KEPT_HOURS})
     returning key`,
    [caller, key],
  );
  return z.object({ rows: z.array(z.unknown()) }).parse(answer).rows.length > 0;
}

export async function keepAnswer(tx: Tx, { caller, key }: KeyName, answer: Sealed): Promise<void> {
  await tx("idempotency_key")
    .where({ caller, key })
    .update({ answer_sealed: JSON.stringify(answer) });
}

const keptSchema = z.object({ answer_sealed: sealedSchema });

export async function findAnswer(tx: Tx, { caller, key }: KeyName): Promise<Sealed | undefined> {
  const row: unknown = await tx("idempotency_key").where({ caller, key }).first("answer_sealed");
  return row === undefined ? undefined : keptSchema.parse(row).answer_sealed;
}

/** Answers the number of keys that were old. */
export async function deleteOldKeys(db: Database): Promise<number> {
  return db("idempotency_key").whereRaw(`created_at < now() - make_interval(hours => ${KEPT_HOURS})`).delete();
}
