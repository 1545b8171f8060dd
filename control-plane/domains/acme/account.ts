// The platform's account with an authority: one key per environment and directory, registered when it is first needed, and
// again when the authority has forgotten it.
import { createHash } from "node:crypto";
import acme from "acme-client";
import type { Seal } from "../../../platform/seal.ts";
import type { Database } from "../../database/transaction.ts";
import { ensurePlatformSecret } from "../secret/index.ts";
import { type AccountRow, findAccount, forgetAccount, saveAccount } from "./account-store.ts";
import type { Authority, AuthorityAccount } from "./authority.ts";

export interface OpenAccount {
  readonly row: AccountRow;
  readonly account: AuthorityAccount;
}

export type Accounts = ReturnType<typeof createAccounts>;

export function createAccounts(settings: { db: Database; seal: Seal; clock: () => Date; authority: Authority }) {
  const { db, seal, clock, authority } = settings;
  const { directoryUrl, email, externalAccount } = authority.settings;
  const contact = email ?? null;
  const eabKeyId = externalAccount?.keyId ?? null;
  let opening: Promise<OpenAccount> | undefined;
  let opened: { readonly url: string; readonly open: OpenAccount } | undefined;

  /** Sealed like every secret of the platform; workers that make one at once end with the same. */
  async function accountKey(): Promise<string> {
    const name = `acme-account-${createHash("sha256").update(directoryUrl).digest("hex").slice(0, 16)}`;
    const make = async () => (await acme.crypto.createPrivateEcdsaKey("P-256")).toString();
    return ensurePlatformSecret(db, seal, { name, make });
  }

  /** Orders that begin together register once. */
  function open(signal: AbortSignal): Promise<OpenAccount> {
    opening ??= openNow(signal).finally(() => {
      opening = undefined;
    });
    return opening;
  }

  async function openNow(signal: AbortSignal): Promise<OpenAccount> {
    const found = await findAccount(db, directoryUrl);
    const isCurrent = found?.contact === contact && found.eab_key_id === eabKeyId;
    const row = found !== undefined && isCurrent ? found : await register(signal);
    if (opened?.url === row.url) return { ...opened.open, row };
    const account = authority.as(await accountKey(), row.url);
    opened = { url: row.url, open: { row, account } };
    return opened.open;
  }

  async function register(signal: AbortSignal): Promise<AccountRow> {
    const url = await authority.as(await accountKey(), undefined).register(signal);
    const registered = { registered_at: clock(), contact, eab_key_id: eabKeyId };
    const row = { directory_url: directoryUrl, url, ...registered };
    await saveAccount(db, row);
    return row;
  }

  /** The authority does not know it: whoever opens it next registers anew. */
  async function forget(): Promise<void> {
    if (opened !== undefined) await forgetAccount(db, opened.open.row);
    opened = undefined;
  }

  return { open, forget };
}
