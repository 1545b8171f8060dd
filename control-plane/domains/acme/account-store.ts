// How this platform is known to each authority.
import type { Reads } from "../../database/transaction.ts";

export interface AccountRow {
  readonly directory_url: string;
  readonly url: string;
  readonly contact: string | null;
  readonly eab_key_id: string | null;
  readonly registered_at: Date;
}

export async function findAccount(reads: Reads, directoryUrl: string): Promise<AccountRow | undefined> {
  return reads<AccountRow>("acme_account").where({ directory_url: directoryUrl }).first();
}

export async function saveAccount(reads: Reads, account: AccountRow): Promise<void> {
  await reads<AccountRow>("acme_account").insert(account).onConflict("directory_url").merge();
}

/** The authority does not know it; another worker may have registered anew already. */
export async function forgetAccount(reads: Reads, { directory_url, url }: AccountRow): Promise<void> {
  await reads<AccountRow>("acme_account").where({ directory_url, url }).delete();
}
