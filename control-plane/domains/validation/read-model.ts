// What is read of others' tables: the edges' addresses, which groups know a record, and the certificates that wait for a name
// to lead here.
import { z } from "zod";
import type { Reads } from "../../database/transaction.ts";

const ADDRESSES_MAX = 10_000;
const CERTIFICATES_MAX = 100;

/** Where the edges are that take viewers. */
export async function findEdgeAddresses(reads: Reads): Promise<ReadonlySet<string>> {
  const rows: unknown = await reads("edge_node")
    .distinct("address")
    .where({ state: "active" })
    .whereNotNull("address")
    .limit(ADDRESSES_MAX);
  return new Set(
    z
      .array(z.object({ address: z.string() }))
      .parse(rows)
      .map(({ address }) => address),
  );
}

/** Automatic certificates of the account for this name that there are not yet, or whose renewal is due or was stopped. */
export async function findWaitingCertificates(
  reads: Reads,
  { accountId, name, now }: { accountId: string; name: string; now: Date },
): Promise<readonly string[]> {
  const rows: unknown = await reads("certificate")
    .select("id")
    .where({ account_id: accountId, is_automatic: true })
    .whereNull("deleted_at")
    .whereRaw("names @> ?::jsonb", [JSON.stringify([name])])
    .whereRaw(
      "(status in ('pending', 'failed') or status = 'active' and coalesce(renew_at, '-infinity'::timestamptz) <= ?)",
      [now],
    )
    .orderBy("id")
    .limit(CERTIFICATES_MAX);
  return z
    .array(z.object({ id: z.uuid() }))
    .parse(rows)
    .map(({ id }) => id);
}

/** Is there a group whose edges were never told of this record? */
export async function isMissingSomewhere(
  reads: Reads,
  { kind, id }: { readonly kind: string; readonly id: string },
): Promise<boolean> {
  const row: unknown = await reads("edge_group")
    .whereNotExists((told) =>
      told.from("feed_record").whereRaw("feed_record.scope = edge_group.id").where({ kind, "feed_record.id": id }),
    )
    .first("edge_group.id");
  return row !== undefined;
}
