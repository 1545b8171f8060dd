// The certificates of accounts that end soon, out of the certificate table.
import type { Reads } from "../../database/transaction.ts";
import type { CertificateRecord } from "./store.ts";

/** What decides whether its owner is to be warned. */
export type Ending = Pick<
  CertificateRecord,
  "id" | "accountId" | "isAutomatic" | "status" | "fingerprint" | "notBefore" | "notAfter" | "deletedAt"
>;

/** Those that end between the two, in the order of their ids. */
export async function findEnding(
  reads: Reads,
  { from, until, after, limit }: { from: Date; until: Date; after: string | undefined; limit: number },
): Promise<readonly Ending[]> {
  const query = endingBetween(reads, { from, until }).whereNotNull("account_id").orderBy("id").limit(limit);
  if (after !== undefined) query.where("id", ">", after);
  return query;
}

export interface EndingOfAccount extends Ending {
  readonly name: string;
}

/** Those of these accounts. */
export async function findEndingOf(
  reads: Reads,
  { accountIds, from, until, limit }: { accountIds: readonly string[]; from: Date; until: Date; limit: number },
): Promise<readonly EndingOfAccount[]> {
  return endingBetween(reads, { from, until })
    .select("name")
    .whereIn("account_id", [...accountIds])
    .orderBy("not_after")
    .limit(limit);
}

function endingBetween(reads: Reads, { from, until }: { from: Date; until: Date }) {
  return reads("certificate")
    .select("id", "status", "fingerprint")
    .select({ accountId: "account_id", isAutomatic: "is_automatic", deletedAt: "deleted_at" })
    .select({ notBefore: "not_before", notAfter: "not_after" })
    .whereBetween("not_after", [from, until])
    .whereNull("deleted_at");
}
