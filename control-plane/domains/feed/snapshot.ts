// Hands out the newest checkpoint of an agent's scope.
import type { Readable } from "node:stream";
import type { Logger } from "../../../platform/log.ts";
import { ObjectNotFound, type ObjectStorage } from "../../../platform/object-storage/storage.ts";
import { Problem } from "../../../platform/problem.ts";
import type { Database } from "../../database/transaction.ts";
import type { EdgeCaller } from "../../http/caller.ts";
import { unavailable } from "../../http/problems.ts";
import { checkpointKey } from "./checkpoint.ts";
import { feedNotReady } from "./problems.ts";
import { findFeed, findScope } from "./store.ts";

export interface Snapshot {
  readonly feedId: string;
  /** Undefined: there is none, and the changes since 0 are everything. */
  readonly file: Readable | undefined;
}

export function createSnapshotReader({ db, storage, log }: { db: Database; storage: ObjectStorage; log: Logger }) {
  return async function readSnapshot(edge: EdgeCaller, signal: AbortSignal): Promise<Snapshot> {
    const feed = await findFeed(db);
    if (feed === undefined || feed.rebuilding) throw new Problem(feedNotReady, "It is being made; keep what you have.");
    const scope = await findScope(db, edge.scope);
    if (scope === undefined || scope.checkpoint_rev === 0) return { feedId: feed.feed_id, file: undefined };
    const key = checkpointKey(edge.scope, scope.checkpoint_count);
    return { feedId: feed.feed_id, file: await openObject(key, signal) };
  };

  async function openObject(key: string, signal: AbortSignal): Promise<Readable | undefined> {
    try {
      return await storage.get(key, { signal });
    } catch (error) {
      if (!(error instanceof ObjectNotFound)) throw unavailable("object storage", error);
      log.error({ key }, "a checkpoint is missing in the object storage");
      return undefined;
    }
  }
}
export type SnapshotReader = ReturnType<typeof createSnapshotReader>;
