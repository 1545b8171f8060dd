// Whether an edge that was recognised before it began to wait is one still: it may have been removed meanwhile. Asked by each
// poll that ends, so what was found holds until some edge's certificate changes.
import { LRUCache } from "lru-cache";
import type { Database } from "../../database/transaction.ts";
import type { EdgeCaller } from "../../http/caller.ts";
import { unauthorized } from "../../http/problems.ts";
import { hasCertificate } from "./identity-store.ts";

const EDGES_MAX = 20_000;
/** A certificate has a last moment. */
const KEPT_MS = 60_000;

export type AssertEnrolled = (edge: EdgeCaller) => Promise<void>;

export function createStillEnrolled(settings: {
  db: Database;
  clock: () => Date;
  /** Changes when any edge's certificate does; undefined: nothing may be kept now. */
  stampOf?: () => number | undefined;
}): AssertEnrolled {
  const { db, clock, stampOf = () => undefined } = settings;
  const found = new LRUCache<string, number>({ max: EDGES_MAX, ttl: KEPT_MS });

  return async ({ edgeId }) => {
    const stamp = stampOf();
    if (stamp !== undefined && found.get(edgeId) === stamp) return;
    if (!(await hasCertificate(db, edgeId, clock()))) throw unauthorized("This certificate is no longer the edge's.");
    if (stamp !== undefined) found.set(edgeId, stamp);
  };
}
