// What is to be prefetched and waits: URLs of records that came as news, the oldest first.
import type { Logger } from "../../platform/log.ts";
import { type FeedRecord, prefetchBodySchema } from "../contract.ts";
import { parseJson } from "./document.ts";

/** What came first goes first; what comes when so much waits is left out. */
const WAITING_MAX = 10_000;

export interface Prefetches {
  /** Those of kind `prefetch` among the news; others are none of its business. */
  take(records: readonly FeedRecord[]): void;
}

export interface Wanted {
  readonly id: string;
  readonly url: URL;
}

export interface PrefetchQueue extends Prefetches {
  /** Undefined when the signal aborts. */
  next(signal: AbortSignal): Promise<Wanted | undefined>;
}

export function createPrefetchQueue(log: Logger): PrefetchQueue {
  const waiting: Wanted[] = [];
  const idle = new Set<() => void>();
  return {
    take: (records) => {
      for (const record of records) waiting.push(...wantedOf(record));
      const leftOut = waiting.splice(WAITING_MAX).length;
      if (leftOut > 0) log.warn({ left_out: leftOut }, "more is to be prefetched than can wait");
      for (const wake of idle) wake();
    },
    next: async (signal) => {
      while (!signal.aborted) {
        const wanted = waiting.shift();
        if (wanted !== undefined) return wanted;
        await new Promise<void>((resolve) => {
          const wake = () => {
            idle.delete(wake);
            signal.removeEventListener("abort", wake);
            resolve();
          };
          idle.add(wake);
          signal.addEventListener("abort", wake);
        });
      }
      return undefined;
    },
  };
}

/** A body of another shape is of a newer control plane: there is nothing to fetch that this agent knows of. */
function wantedOf({ kind, id, op, body }: FeedRecord): readonly Wanted[] {
  if (kind !== "prefetch" || op !== "put") return [];
  const parsed = prefetchBodySchema.safeParse(parseJson(body));
  return parsed.success ? parsed.data.urls.map((url) => ({ id, url: new URL(url) })) : [];
}
