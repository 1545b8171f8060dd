// What an API token is worth, read at each request: through the caches.
import { z } from "zod";
import type { Cache } from "../../cache/cache.ts";
import { instant } from "../../cache/instant.ts";
import type { Database } from "../../database/transaction.ts";
import { scopes } from "../../http/caller.ts";
import { API_TOKENS, findApiTokenByHash } from "./store.ts";

/** When it was used last is not of it: that is written past the caches. */
const knownToken = z.object({
  id: z.uuid(),
  accountId: z.uuid(),
  userId: z.uuid(),
  membershipId: z.uuid(),
  scopes: z.array(z.enum(scopes)),
  expiresAt: instant.nullable(),
  revokedAt: instant.nullable(),
});
export type KnownToken = z.output<typeof knownToken>;

export interface TokenReads {
  /** Live or not. */
  find(hash: string): Promise<KnownToken | undefined>;
}

export function createTokenReads({ db, cache }: { db: Database; cache: Pick<Cache, "space"> }): TokenReads {
  const tokens = cache.space(API_TOKENS, { load: (hash) => findApiTokenByHash(db, hash), schema: knownToken });
  return { find: (hash) => tokens.read(hash) };
}
