// Keeps values that nobody reads back: customers' secrets, which a configuration names by their id, and the platform's own.
import { randomUUID } from "node:crypto";
import type { Seal } from "../../../platform/seal.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import {
  deleteSecret,
  findPlatformSecret,
  findSecret,
  insertPlatformSecret,
  insertSecret,
  lockDirectPlatformSecrets,
  replacePlatformSecret,
} from "./store.ts";

/** What a secret is for: one that was stored for one thing does not open for another. */
export type SecretPurpose = "s3_secret_key" | "url_signing_key" | "certificate_key";

interface Belonging {
  /** Null: the platform's own. */
  readonly accountId: string | null;
  readonly purpose: SecretPurpose;
}

/** Rows are never changed: another value is another secret, and former versions keep theirs. */
export async function storeSecret(
  tx: Tx,
  seal: Seal,
  { accountId, purpose, value, now }: Belonging & { readonly value: string; readonly now: Date },
): Promise<string> {
  const id = randomUUID();
  const sealed = seal.seal(value, contextOf(id, { accountId, purpose }));
  await insertSecret(tx, { id, accountId, purpose, sealed, createdAt: now });
  return id;
}

/** For those who use it on the customer's behalf; no route answers it. */
export async function openSecret(reads: Reads, seal: Seal, id: string, belonging: Belonging): Promise<string> {
  const sealed = await findSecret(reads, { id, ...belonging });
  if (sealed === undefined) throw new Error(`this account has no ${belonging.purpose} with the id ${id}`);
  return seal.open(sealed, contextOf(id, belonging));
}

/** For what no version of a configuration names: nobody opens it any more. */
export async function destroySecret(tx: Tx, id: string): Promise<void> {
  await deleteSecret(tx, id);
}

/** The platform's secret of this name, made when there is none; processes that make one at once end with the same. */
export async function ensurePlatformSecret(
  db: Database,
  seal: Seal,
  { name, make }: { name: string; make: () => Promise<string> | string },
): Promise<string> {
  const found = await findPlatformSecret(db, name);
  if (found !== undefined) return seal.open(found, name);
  await insertPlatformSecret(db, name, seal.seal(await make(), name));
  return ensurePlatformSecret(db, seal, { name, make });
}

/** Release 0.1.0 sealed without a data key, so nothing can be rewrapped: these are sealed anew. Answers how many. */
export function resealPlatformSecrets(db: Database, seal: Seal): Promise<number> {
  return inTransaction(db, async (tx) => {
    const found = await lockDirectPlatformSecrets(tx);
    for (const { name, sealed } of found) {
      await replacePlatformSecret(tx, name, seal.seal(seal.open(sealed, name), name));
    }
    return found.length;
  });
}

function contextOf(id: string, { accountId, purpose }: Belonging): string {
  return `secret:${accountId ?? "platform"}:${purpose}:${id}`;
}
