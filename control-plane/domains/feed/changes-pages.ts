// Answers for agents that are further behind than the memory reaches: read from the database a page at a time, each page
// once for all who ask for it at the same time.
import { LRUCache } from "lru-cache";
import { Problem } from "../../../platform/problem.ts";
import type { Database } from "../../database/transaction.ts";
import { readChanges } from "./changes-store.ts";
import { anotherFeed, changesForgotten } from "./problems.ts";
import { encodeAnswer } from "./scope-tail.ts";

const PAGES_BYTES_MAX = 64 * 1024 * 1024;
// A page stays right for as long as its feed: what was replaced since comes again behind it. But memory is dear.
const PAGE_TTL_MS = 2_000;

interface PageKey {
  readonly feedId: string;
  readonly scope: string;
  readonly since: number;
}

export function createChangesPages(db: Database): (key: PageKey) => Promise<Buffer> {
  const pages = new LRUCache<string, Buffer>({
    maxSize: PAGES_BYTES_MAX,
    sizeCalculation: (page) => page.length,
    ttl: PAGE_TTL_MS,
  });
  const reading = new Map<string, Promise<Buffer>>();

  async function read({ feedId, scope, since }: PageKey): Promise<Buffer> {
    const page = await readChanges(db, scope, since);
    if (page === undefined || page.feedId !== feedId || page.rebuilding) {
      throw new Problem(anotherFeed, "It was made anew just now: take the snapshot and begin again.");
    }
    // The gateway may have looked before a checkpoint forgot tombstones that this page would have held.
    if (since > 0 && since < page.head.floor_rev) throw new Problem(changesForgotten, "Take the snapshot.");
    return encodeAnswer({
      feed_id: feedId,
      from: since,
      to: page.to,
      more: page.to < page.head.rev,
      checkpoint: page.head.checkpoint_rev,
      records: page.records.map((record) => record.json),
    });
  }

  return function getPage(key) {
    const name = `${key.feedId}:${key.scope}:${key.since}`;
    const known = pages.get(name);
    if (known !== undefined) return Promise.resolve(known);
    const started = reading.get(name) ?? read(key);
    if (!reading.has(name)) {
      reading.set(name, started);
      started.then(
        (page) => pages.set(name, page),
        () => {},
      );
      started.finally(() => reading.delete(name)).catch(() => {});
    }
    return started;
  };
}
