// Edges that say they know more of a feed than there is of it: the database was restored to an earlier time, or an edge is
// broken or lies. Two of them are believed; then what edges were told since the backup counts as lost.
import { LRUCache } from "lru-cache";
import { type Database, inTransaction } from "../../database/transaction.ts";
import type { EdgeCaller } from "../../http/caller.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { feedRestored } from "./jobs.ts";

/** Each edge has the feed made anew rarely (see the gateway), so few are of interest at a time. */
const FEEDS_MAX = 100;

interface Claim {
  /** Who came first. */
  readonly edgeId: string;
  /** The last revision of each scope, once another feed has taken this one's place. */
  ends: ReadonlyMap<string, number> | undefined;
  isBelieved: boolean;
}

export interface RestoreClaims {
  /** It says that it is ahead of this feed. */
  add(edgeId: string, feedId: string): Promise<void>;
  /** Another feed took its place, because of a claim. */
  end(feedId: string, ends: ReadonlyMap<string, number>): void;
  /** The other edges of a feed ask for its changes when it is gone already: some of them are ahead of what it was. */
  meet(edge: EdgeCaller, question: { readonly feedId: string; readonly since: number }): Promise<void>;
}

export function createRestoreClaims(db: Database): RestoreClaims {
  const claims = new LRUCache<string, Claim>({ max: FEEDS_MAX });

  async function add(edgeId: string, feedId: string): Promise<void> {
    const claim = claims.get(feedId);
    if (claim === undefined) claims.set(feedId, { edgeId, ends: undefined, isBelieved: false });
    if (claim === undefined || claim.edgeId === edgeId || claim.isBelieved) return;
    claim.isBelieved = true;
    try {
      await inTransaction(db, (tx) => enqueueJob(tx, feedRestored, { after: null }));
    } catch (error) {
      claim.isBelieved = false;
      throw error;
    }
  }

  return {
    add,
    end(feedId, ends) {
      const claim = claims.get(feedId);
      if (claim !== undefined) claim.ends = ends;
    },
    async meet({ edgeId, scope }, { feedId, since }) {
      const ends = claims.get(feedId)?.ends;
      if (ends !== undefined && since > (ends.get(scope) ?? 0)) await add(edgeId, feedId);
    },
  };
}
