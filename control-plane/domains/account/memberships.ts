// Where a user belongs, read at each request: through the caches.
import { z } from "zod";
import type { Cache } from "../../cache/cache.ts";
import type { Database } from "../../database/transaction.ts";
import { accountRoles } from "../../http/caller.ts";
import { findMembership, MEMBERSHIPS, type MembershipRecord } from "./store.ts";

export type KnownMembership = Pick<MembershipRecord, "id" | "accountId" | "role">;

export interface Memberships {
  /** The named account if the user belongs to it; the user's oldest one when none is named. */
  find(of: { userId: string; accountId: string | undefined }): Promise<KnownMembership | undefined>;
}

const membershipSchema = z.object({ id: z.uuid(), accountId: z.uuid(), role: z.enum(accountRoles) });

export function createMemberships({ db, cache }: { db: Database; cache: Pick<Cache, "space"> }): Memberships {
  const memberships = cache.space(MEMBERSHIPS, {
    load: (userId, { accountId }: { accountId: string | undefined }) => findMembership(db, { userId, accountId }),
    schema: membershipSchema,
  });
  return { find: ({ userId, accountId }) => memberships.read(userId, { accountId }) };
}
