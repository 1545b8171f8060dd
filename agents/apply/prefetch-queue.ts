// What is to be prefetched and waits: URLs of records that came as news. Distributions take turns, so that nobody's many or
// slow ones hold up what others want.
import type { Logger } from "../../platform/log.ts";
import { type FeedRecord, prefetchBodySchema } from "../contract.ts";
import { parseJson } from "./document.ts";

/** What comes when so much waits is left out, from the longest line. */
const WAITING_MAX = 10_000;
/** Of one distribution. */
const RUNNING_MAX = 2;
/** Whoever was to find it there has come and gone. */
const WAITS_AT_MOST_MS = 3_600_000;

export interface Prefetches {
  /** Those of kind `prefetch` among the news; others are none of its business. */
  take(records: readonly FeedRecord[]): void;
}

export interface Wanted {
  readonly id: string;
  readonly distribution: string;
  readonly scheme: string;
  readonly host: string;
  /** Path and query as they stand in the URL: another spelling may be another object. */
  readonly target: string;
}

export interface PrefetchQueue extends Prefetches {
  /** Whoever takes it says when it is done. Undefined when the signal aborts. */
  next(signal: AbortSignal): Promise<Wanted | undefined>;
  done(wanted: Wanted): void;
}

/** Of one distribution, the oldest first. */
interface Line {
  readonly waiting: { readonly wanted: Wanted; readonly since: number }[];
  running: number;
}

export function createPrefetchQueue(log: Logger, now: () => number = Date.now): PrefetchQueue {
  /** By distribution; the first is the one whose turn it is. */
  const lines = new Map<string, Line>();
  const idle = new Set<() => void>();

  function put(wanted: Wanted): void {
    const line = lines.get(wanted.distribution) ?? { waiting: [], running: 0 };
    lines.set(wanted.distribution, line);
    line.waiting.push({ wanted, since: now() });
  }

  function leaveOut(): void {
    const all = [...lines.values()];
    const surplus = all.reduce((sum, { waiting }) => sum + waiting.length, 0) - WAITING_MAX;
    for (let left = surplus; left > 0; left -= 1)
      all.reduce((one, another) => (another.waiting.length > one.waiting.length ? another : one)).waiting.pop();
    if (surplus > 0) log.warn({ left_out: surplus }, "more is to be prefetched than can wait");
  }

  function dropOld(): void {
    const since = now() - WAITS_AT_MOST_MS;
    let dropped = 0;
    for (const [distribution, { waiting, running }] of lines) {
      const young = waiting.findIndex((one) => one.since >= since);
      dropped += waiting.splice(0, young < 0 ? waiting.length : young).length;
      if (waiting.length === 0 && running === 0) lines.delete(distribution);
    }
    if (dropped > 0) log.warn({ dropped }, "prefetches waited for an hour and are dropped");
  }

  function shift(): Wanted | undefined {
    dropOld();
    for (const [distribution, line] of lines) {
      const first = line.running < RUNNING_MAX ? line.waiting.shift() : undefined;
      if (first === undefined) continue;
      line.running += 1;
      // To the end: it is the others' turn.
      lines.delete(distribution);
      lines.set(distribution, line);
      return first.wanted;
    }
    return undefined;
  }

  return {
    take: (records) => {
      for (const wanted of records.flatMap(wantedOf)) put(wanted);
      leaveOut();
      for (const wake of idle) wake();
    },
    next: async (signal) => {
      while (!signal.aborted) {
        const wanted = shift();
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
    done: ({ distribution }) => {
      const line = lines.get(distribution);
      if (line !== undefined) line.running -= 1;
      for (const wake of idle) wake();
    },
  };
}

const URL_PARTS = /^(https?):\/\/([^/?#:]+)(?::\d+)?(\/[^#]*)$/;

/** A body of another shape is of a newer control plane: there is nothing to fetch that this agent knows of. */
function wantedOf({ kind, id, op, body }: FeedRecord): readonly Wanted[] {
  if (kind !== "prefetch" || op !== "put") return [];
  const parsed = prefetchBodySchema.safeParse(parseJson(body));
  if (!parsed.success) return [];
  const { distribution, urls } = parsed.data;
  return urls.flatMap((url) => {
    const [, scheme, host, target] = URL_PARTS.exec(url) ?? [];
    if (scheme === undefined || host === undefined || target === undefined) return [];
    return [{ id, distribution, scheme, host, target }];
  });
}
