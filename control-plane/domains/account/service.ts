// Accounts come into being with their owner.
import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { Tx } from "../../database/transaction.ts";
import type { accountReply } from "./schema.ts";
import { type AccountRecord, insertAccount, insertMembership } from "./store.ts";

export async function createAccount(
  tx: Tx,
  { name, ownerId, now }: { name: string; ownerId: string; now: Date },
): Promise<AccountRecord> {
  const account = { id: randomUUID(), name, createdAt: now, updatedAt: now };
  await insertAccount(tx, account);
  await insertMembership(tx, { accountId: account.id, userId: ownerId, role: "owner", createdAt: now });
  return account;
}

export function accountToReply(account: AccountRecord): z.input<typeof accountReply> {
  return { id: account.id, name: account.name, created_at: account.createdAt.toISOString() };
}
