// Who is served with a certificate: read beside the distributions' own store, which imports this domain.
import { makeStale, type Reads, type Tx } from "../../database/transaction.ts";

interface UserRow {
  readonly id: string;
  readonly account_id: string;
  readonly domain: string;
  readonly certificate_id: string | null;
  /** What is shown until that one is issued. */
  readonly former_certificate_id: string | null;
  readonly deleted_at: Date | null;
}

/** The distributions that are served with it, also those that wait for another one, in the order of their ids. */
export async function findUsers(
  reads: Reads,
  certificateId: string,
  limit: number,
): Promise<readonly Pick<UserRow, "id" | "domain">[]> {
  return reads<UserRow>("distribution")
    .select("id", "domain")
    .where((either) =>
      either.where({ certificate_id: certificateId }).orWhere({ former_certificate_id: certificateId }),
    )
    .whereNull("deleted_at")
    .orderBy("id")
    .limit(limit);
}

/** Answers about a distribution tell of its certificate, so what is cached of them is old. */
export async function makeUsersStale(tx: Tx, certificateId: string): Promise<void> {
  const users = await tx<UserRow>("distribution").select("id", "account_id").where({ certificate_id: certificateId });
  for (const { id, account_id: accountId } of users) {
    makeStale(tx, `distribution:${id}`);
    makeStale(tx, `distributions-of:${accountId}`);
  }
}
