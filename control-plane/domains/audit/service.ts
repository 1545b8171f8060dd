// Records deeds, and tells of them. Whoever changes something records it in the same transaction.
import { randomUUID } from "node:crypto";
import type { PageQuery } from "../../database/paging.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import type { Actor } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { type AuditRow, findAuditEntries } from "./read-model.ts";
import { type Difference, withoutSecrets } from "./rules.ts";
import type { AuditFilter } from "./schema.ts";
import { insertAuditEntry } from "./store.ts";

export interface Deed {
  /** `noun.verb`, such as `distribution.update`. */
  readonly action: string;
  /** Whose log it stands in; null for what concerns the platform or a user alone. */
  readonly accountId: string | null;
  readonly resourceType: string;
  readonly resourceId: string;
  /** Secrets never: only that they changed. */
  readonly changes: readonly Difference[];
}

export async function recordAudit(tx: Tx, actor: Actor, deed: Deed): Promise<void> {
  await insertAuditEntry(tx, {
    id: randomUUID(),
    ...deed,
    changes: withoutSecrets(deed.changes),
    userId: actor.userId,
    apiTokenId: actor.apiTokenId,
    requestId: actor.requestId,
    clientAddress: actor.clientAddress,
  });
}

/** Newest first. */
export async function listAudit(reads: Reads, filter: AuditFilter, page: PageQuery): Promise<readonly AuditRow[]> {
  const { from, to } = filter;
  if (from !== undefined && to !== undefined && new Date(from) >= new Date(to)) {
    throw invalidRequest([{ pointer: "?to", detail: "must be later than from." }]);
  }
  return findAuditEntries(reads, filter, page);
}
