// The caches of one process: memory, then Redis, then Postgres. Whoever reads opens a space; whoever writes says
// `makeStale(tx, name)` beside the write, and knows nothing of caches. Without Redis every read goes to Postgres.
import { randomUUID } from "node:crypto";
import type { Registry } from "prom-client";
import type { Part } from "../../platform/lifecycle.ts";
import type { Logger } from "../../platform/log.ts";
import { type Database, guardCommits } from "../database/transaction.ts";
import { createCommitGuard } from "./commit-guard.ts";
import { createFences, createSharedEntries, INVALIDATIONS, parseInvalidation } from "./entries.ts";
import { watchEpoch } from "./epoch.ts";
import { createLiveness } from "./liveness.ts";
import { createCacheMetrics } from "./metrics.ts";
import { openRedisSessions } from "./redis-session.ts";
import { findPart, lowerFences, raiseFences, storePart } from "./scripts.ts";
import { createSpace, type ForgetfulSpace, type Space, type SpaceSettings } from "./space.ts";

/**
 * How long a writer that died keeps the others from storing. Longer than Postgres gives a statement (30 s), so that no
 * commit becomes visible after its fence is gone.
 */
const FENCE_MS = 35_000;

export interface Cache {
  /**
   * Cached reads of `<prefix>:<id>`, by the name that writers make stale. What goes by several queries of one name (the
   * pages of a list) dies together.
   */
  space<Value, Query = void>(prefix: string, settings: SpaceSettings<Value, Query>): Space<Value, Query>;
  /**
   * For whoever keeps what several reads together said: it is good for as long as the answer stays the same. Undefined:
   * nothing may be kept now.
   */
  watch(prefixes: readonly string[]): () => number | undefined;
  /** False: every read goes to Postgres. */
  isLive(): boolean;
  readonly part: Part;
}

export interface CacheSettings {
  readonly db: Database;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** `direct`: a process that writes, and whose reads need no cache. */
  readonly reads: "cached" | "direct";
  readonly registry: Registry;
  readonly log: Logger;
  readonly fenceMs?: number;
}

/** Opens at once; reads are cached as soon as Redis and Postgres have answered. Every commit of `db` is guarded. */
export function openCache(settings: CacheSettings): Cache {
  const { db, databaseUrl, redisUrl, reads, log } = settings;
  const isReading = reads === "cached";
  const spaces = new Map<string, ForgetfulSpace>();
  const watchers: { readonly prefixes: ReadonlySet<string>; drops: number }[] = [];
  const metrics = createCacheMetrics(settings.registry, () => isLive());

  const sessions = openRedisSessions({
    url: redisUrl,
    log,
    scripts: [findPart, storePart, raiseFences, lowerFences],
    ...(isReading ? { listen: { channel: INVALIDATIONS, hear } } : {}),
    onChange: () => liveness.changed(),
  });
  const epochs = isReading ? watchEpoch({ databaseUrl, log, onChange: () => liveness.changed() }) : UNWATCHED;
  const liveness = createLiveness({ sessions, epochs, onChange: clear });
  const entries = createSharedEntries(sessions, randomUUID());
  const fences = createFences(sessions, settings.fenceMs ?? FENCE_MS);
  guardCommits(db, createCommitGuard({ db, fences, drop, doubtEpoch: () => epochs.doubt(), metrics, log }));

  function space<Value, Query = void>(prefix: string, of: SpaceSettings<Value, Query>): Space<Value, Query> {
    if (spaces.has(prefix)) throw new Error(`there are two spaces ${prefix}`);
    const made = createSpace(prefix, of, { liveness, entries, metrics });
    spaces.set(prefix, made);
    return made;
  }

  function hear(message: string): void {
    const names = parseInvalidation(message);
    if (names === undefined) clear();
    else drop(names);
  }

  function drop(names: readonly string[]): void {
    for (const name of names) {
      const prefix = name.slice(0, Math.max(0, name.indexOf(":")));
      spaces.get(prefix)?.drop(name);
      for (const watcher of watchers) if (watcher.prefixes.has(prefix)) watcher.drops += 1;
    }
  }

  function clear(): void {
    for (const one of spaces.values()) one.clear();
    for (const watcher of watchers) watcher.drops += 1;
  }

  function watch(prefixes: readonly string[]): () => number | undefined {
    const watcher = { prefixes: new Set(prefixes), drops: 0 };
    watchers.push(watcher);
    return () => (isLive() && liveness.isPrompt(performance.now()) ? watcher.drops : undefined);
  }

  function isLive(): boolean {
    return liveness.tag(performance.now()) !== undefined;
  }

  const stop = async () => {
    sessions.stop();
    await epochs.stop();
  };
  return { space, watch, isLive, part: { name: "cache", stop } };
}

const UNWATCHED = {
  epoch: () => undefined,
  provenAt: () => Number.NEGATIVE_INFINITY,
  doubt: () => {},
  stop: async () => {},
};
