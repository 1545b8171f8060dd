// Records deeds. Whoever changes something calls this in the same transaction.
import { randomUUID } from "node:crypto";
import type { Tx } from "../../database/transaction.ts";
import type { Actor } from "../../http/caller.ts";
import { type Difference, withoutSecrets } from "./rules.ts";
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
