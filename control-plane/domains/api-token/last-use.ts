// When each token was used last, to the minute: gathered in memory and written together, beside the requests.
import { LRUCache } from "lru-cache";
import type { Part } from "../../../platform/lifecycle.ts";
import type { Logger } from "../../../platform/log.ts";
import type { Database } from "../../database/transaction.ts";
import { recordUse } from "./store.ts";

const MINUTE_MS = 60_000;
const GATHER_MS = 1_000;
const REMEMBERED_MAX = 10_000;

export interface LastUse {
  /** Returns at once. */
  note(tokenId: string): void;
  readonly part: Part;
}

export function recordLastUse({
  db,
  clock,
  log,
  gatherMs = GATHER_MS,
}: {
  db: Database;
  clock: () => Date;
  log: Logger;
  gatherMs?: number;
}): LastUse {
  const written = new LRUCache<string, number>({ max: REMEMBERED_MAX });
  const noted = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  function note(tokenId: string): void {
    const at = written.get(tokenId);
    const now = clock().getTime();
    if (at !== undefined && now - at < MINUTE_MS) return;
    written.set(tokenId, now);
    noted.add(tokenId);
    timer ??= setTimeout(() => void write(), gatherMs);
  }

  function write(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const ids = [...noted];
    noted.clear();
    if (ids.length > 0) writing = writing.then(() => store(ids));
    return writing;
  }

  /** What is not written is forgotten: the next use tells again. */
  async function store(ids: readonly string[]): Promise<void> {
    const now = clock();
    try {
      await recordUse(db, ids, now, new Date(now.getTime() - MINUTE_MS));
    } catch (error) {
      for (const id of ids) written.delete(id);
      log.warn({ error, tokens: ids.length }, "the last use of API tokens was not written");
    }
  }

  return { note, part: { name: "last use of API tokens", stop: write } };
}
