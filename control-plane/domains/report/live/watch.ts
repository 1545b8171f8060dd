// Traffic that somebody watches now: one query a second for all viewers of an account, or of a distribution, in this
// process; none when nobody watches.
import { setTimeout as pause } from "node:timers/promises";
import pLimit from "p-limit";
import type { Logger } from "../../../../platform/log.ts";
import type { Problem } from "../../../../platform/problem.ts";
import { askClickHouse, type ClickHouse } from "../../../database/clickhouse.ts";
import { problemOf } from "../../../http/render-problem.ts";
import type { TrafficScope } from "../top/top.ts";
import { findSeconds } from "./live-store.ts";
import { createRecentSeconds, type RecentSeconds, type Second, type Span, windowAt } from "./seconds.ts";

const TICK_MS = 1_000;
/** Of all that is watched: ClickHouse's connections are there for log lines and reports, too. */
const LOOKS_AT_ONCE = 4;

/** What one viewer sees of what all watch together. */
export interface WatchedTraffic {
  readonly seconds: RecentSeconds;
  /** Undefined: the seconds are what the store holds. */
  trouble(): Problem | undefined;
  leave(): void;
}

export interface TrafficWatch {
  /** Resolves after the first look, or throws its problem; `changed` is called whenever there is something new. */
  join(scope: TrafficScope, changed: () => void): Promise<WatchedTraffic>;
  /** Seconds that are no longer in the window; those with traffic alone. */
  earlier(scope: TrafficScope, span: Span, signal: AbortSignal): Promise<readonly Second[]>;
}

interface Watch {
  readonly viewers: Set<() => void>;
  readonly seconds: RecentSeconds;
  readonly firstLook: Promise<void>;
  trouble(): Problem | undefined;
  end(): void;
}

export function createTrafficWatch(settings: {
  clickhouse: ClickHouse;
  clock: () => Date;
  log: Logger;
  tickMs?: number;
}): TrafficWatch {
  const inTurn = pLimit(LOOKS_AT_ONCE);
  const find: FindSeconds = (scope, span, signal) =>
    inTurn(() => askClickHouse(() => findSeconds(settings.clickhouse, scope, span, signal)));
  const watches = new Map<string, Watch>();
  return {
    async join(scope, changed) {
      const key = `${scope.accountId} ${scope.distributionId ?? "all"}`;
      const watch = watches.get(key) ?? startWatch(scope, find, settings);
      watches.set(key, watch);
      watch.viewers.add(changed);
      const leave = () => {
        watch.viewers.delete(changed);
        if (watch.viewers.size > 0) return;
        watch.end();
        if (watches.get(key) === watch) watches.delete(key);
      };
      try {
        await watch.firstLook;
      } catch (error) {
        leave();
        throw error;
      }
      return { seconds: watch.seconds, trouble: watch.trouble, leave };
    },
    earlier: find,
  };
}

type FindSeconds = (scope: TrafficScope, span: Span, signal: AbortSignal) => Promise<readonly Second[]>;

function startWatch(
  scope: TrafficScope,
  find: FindSeconds,
  { clock, log, tickMs = TICK_MS }: Parameters<typeof createTrafficWatch>[0],
): Watch {
  const viewers = new Set<() => void>();
  const seconds = createRecentSeconds();
  const over = new AbortController();
  let trouble: Problem | undefined;
  const tellAll = () => {
    for (const changed of viewers) changed();
  };

  async function look(): Promise<void> {
    const span = windowAt(clock());
    const found = await find(scope, span, over.signal);
    const isBack = trouble !== undefined;
    trouble = undefined;
    if (seconds.update(span, found) || isBack) tellAll();
  }

  function fail(error: unknown): void {
    if (over.signal.aborted) return;
    if (trouble === undefined) log.warn({ error, account_id: scope.accountId }, "real-time traffic could not be read");
    trouble = problemOf(error);
    tellAll();
  }

  async function lookUntilAllLeft(): Promise<void> {
    while (!over.signal.aborted) {
      await pause(tickMs, undefined, { signal: over.signal }).catch(() => {});
      if (!over.signal.aborted) await look().catch(fail);
    }
  }

  const firstLook = look();
  void firstLook.then(lookUntilAllLeft, () => {});
  return { viewers, seconds, firstLook, trouble: () => trouble, end: () => over.abort() };
}
