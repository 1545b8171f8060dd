// Edges that say they know more of a feed than there is of it: the database was restored to an earlier time, or an edge is
// broken or lies. Two of them are believed; then what edges were told since the backup counts as lost.
import { type Database, inTransaction } from "../../database/transaction.ts";
import type { EdgeCaller } from "../../http/caller.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import type { ClaimMemory, Ends } from "./claim-memory.ts";
import { feedRestored } from "./jobs.ts";

const BELIEVED_FROM = 2;

export interface RestoreClaims {
  /** It says that it is ahead of this feed. */
  add(edgeId: string, feedId: string): Promise<void>;
  /** Another feed took its place, because of a claim. */
  end(feedId: string, ends: Ends): Promise<void>;
  /** The other edges of a feed ask for its changes when it is gone already: some of them are ahead of what it was. */
  meet(edge: EdgeCaller, question: { readonly feedId: string; readonly since: number }): Promise<void>;
}

export function createRestoreClaims(db: Database, memory: ClaimMemory): RestoreClaims {
  async function add(edgeId: string, feedId: string): Promise<void> {
    if ((await memory.add(feedId, edgeId)) < BELIEVED_FROM || !(await memory.believe(feedId))) return;
    try {
      await inTransaction(db, (tx) => enqueueJob(tx, feedRestored, { after: null }));
    } catch (error) {
      await memory.doubt(feedId);
      throw error;
    }
  }

  return {
    add,
    end: (feedId, ends) => memory.keepEnds(feedId, ends),
    async meet({ edgeId, scope }, { feedId, since }) {
      const ends = await memory.ends(feedId);
      if (ends !== undefined && since > (ends.get(scope) ?? 0)) await add(edgeId, feedId);
    },
  };
}
