// The buckets of limit-rules.ts, as they lie in Postgres: every worker takes from the same ones.
import type { Reads, Tx } from "../../database/transaction.ts";
import { type Bucket, fill, type Limit, waitMsFor } from "./limit-rules.ts";

interface BucketRow {
  readonly key: string;
  readonly tokens: number;
  readonly filled_at: Date;
}

/** A token from each, or from none: then how long the slowest lets wait. */
export async function takeTokens(
  tx: Tx,
  limits: readonly Limit[],
  now: Date,
): Promise<{ readonly limit: Limit; readonly waitMs: number } | undefined> {
  const filled = await lockBuckets(tx, limits, now);
  const waits = filled.map(({ limit, bucket }) => ({ limit, waitMs: waitMsFor(bucket, limit) }));
  const [longest] = waits.sort((one, other) => other.waitMs - one.waitMs);
  if (longest !== undefined && longest.waitMs > 0) return longest;
  for (const { limit, bucket } of filled) {
    const { filledAt: filled_at, tokens } = bucket;
    await tx<BucketRow>("acme_limit")
      .where({ key: limit.key })
      .update({ tokens: tokens - 1, filled_at });
  }
  return undefined;
}

/** In the order of their keys, so that two orders wait for each other in one direction only. */
async function lockBuckets(
  tx: Tx,
  limits: readonly Limit[],
  now: Date,
): Promise<readonly { readonly limit: Limit; readonly bucket: Bucket }[]> {
  const sorted = [...limits].sort((one, other) => (one.key < other.key ? -1 : 1));
  const filled: { limit: Limit; bucket: Bucket }[] = [];
  for (const limit of sorted) {
    const { tokens, filledAt: filled_at } = fill(undefined, limit, now);
    await tx<BucketRow>("acme_limit").insert({ key: limit.key, tokens, filled_at }).onConflict("key").ignore();
    const row = await tx<BucketRow>("acme_limit").where({ key: limit.key }).forUpdate().first();
    const bucket = row === undefined ? undefined : { tokens: row.tokens, filledAt: row.filled_at };
    filled.push({ limit, bucket: fill(bucket, limit, now) });
  }
  return filled;
}

/** A bucket that was not touched for longer than any takes to fill is as good as none. */
export async function deleteFullBuckets(reads: Reads, before: Date): Promise<void> {
  await reads<BucketRow>("acme_limit").where("filled_at", "<", before).delete();
}
