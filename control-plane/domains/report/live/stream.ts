// One viewer's server-sent events: the last minute at once, then each second as it ends and every second that is
// corrected. A reader that is slow gets fewer events, each with all that changed since the one before.
import { Readable } from "node:stream";
import type { Problem } from "../../../../platform/problem.ts";
import { stopping } from "../../../http/problems.ts";
import { problemOf } from "../../../http/render-problem.ts";
import { createWakeUp } from "../../../jobs/wake-up.ts";
import type { TrafficScope } from "../top/top.ts";
import { endEvent, HEARTBEAT, RETRY, secondsEvent, troubleEvent } from "./events.ts";
import { everySecond, type Second, type Span } from "./seconds.ts";
import type { TrafficWatch, WatchedTraffic } from "./watch.ts";

export interface StreamTimes {
  /** Proxies close connections on which nothing comes for a minute. */
  readonly heartbeatMs: number;
  /** How often it is looked whether the viewer may still see this. */
  readonly recheckMs: number;
  /** How long a reader may take nothing before the stream is cut off. */
  readonly stalledMs: number;
}
export const streamTimes: StreamTimes = { heartbeatMs: 15_000, recheckMs: 15_000, stalledMs: 60_000 };

export interface Viewer {
  readonly scope: TrafficScope;
  /** The end of the last second that it was told of, before its connection broke. */
  readonly toldUntil: Date | undefined;
  /** Undefined: until it goes away. */
  readonly seconds: number | undefined;
  /** Throws when the viewer may see this no longer. */
  readonly recheck: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** So far back a viewer that comes again is told what it missed. */
const RESUMED_MS_MAX = 300_000;

/** The first event is ready when this resolves; what is wrong before that is thrown. */
export async function openStream(watch: TrafficWatch, viewer: Viewer, times: StreamTimes): Promise<Readable> {
  const wakeUp = createWakeUp();
  const traffic = await watch.join(viewer.scope, wakeUp.ring);
  try {
    const missed = await findMissed(watch, viewer, traffic.seconds.span());
    return startStream(viewer, { traffic, missed, wakeUp, times });
  } catch (error) {
    traffic.leave();
    throw error;
  }
}

/** From a window before what it was told, since that may have been corrected meanwhile, until the window of now. */
async function findMissed(watch: TrafficWatch, viewer: Viewer, window: Span): Promise<readonly Second[]> {
  if (viewer.toldUntil === undefined) return [];
  const windowMs = window.to.getTime() - window.from.getTime();
  const oldest = window.to.getTime() - RESUMED_MS_MAX;
  const from = new Date(Math.max(viewer.toldUntil.getTime() - windowMs, oldest));
  if (from >= window.from) return [];
  const span = { from, to: window.from };
  return everySecond(span, await watch.earlier(viewer.scope, span, viewer.signal));
}

interface Opened {
  readonly traffic: WatchedTraffic;
  readonly missed: readonly Second[];
  readonly wakeUp: ReturnType<typeof createWakeUp>;
  readonly times: StreamTimes;
}

/** `problem`: what the viewer is told; none when its time is over, or nobody is there to hear it. */
type Ending = { readonly problem?: Problem };

function startStream(viewer: Viewer, opened: Opened): Readable {
  const { traffic, wakeUp, times } = opened;
  let ending: Ending | undefined;
  let givenAt: number | undefined;

  function end(why: Ending): void {
    ending ??= why;
    wakeUp.ring();
  }

  async function* events(): AsyncGenerator<string> {
    let version = traffic.seconds.version();
    let trouble: Problem | undefined;
    givenAt = performance.now();
    yield RETRY + secondsEvent(traffic.seconds.span(), [...opened.missed, ...traffic.seconds.changedSince(0)]);
    if (viewer.seconds === 0) return;
    while (ending === undefined) {
      givenAt = undefined;
      await wakeUp.wait(times.heartbeatMs);
      const text = newsOf(traffic, { version, trouble });
      version = traffic.seconds.version();
      trouble = traffic.trouble();
      givenAt = performance.now();
      if (ending === undefined) yield text;
    }
    if (ending.problem !== undefined) yield endEvent(ending.problem);
  }

  const stream = Readable.from(events(), { objectMode: false, highWaterMark: 1 });
  const stop = () => end({ problem: stopping(viewer.signal.reason) });
  const rechecks = setInterval(() => {
    const isStalled = givenAt !== undefined && performance.now() - givenAt > times.stalledMs;
    if (isStalled) stream.destroy();
    else viewer.recheck().catch((error: unknown) => end({ problem: problemOf(error) }));
  }, times.recheckMs);
  const timeUp = viewer.seconds === undefined ? undefined : setTimeout(() => end({}), viewer.seconds * 1000);
  viewer.signal.addEventListener("abort", stop, { once: true });
  stream.once("close", () => {
    end({});
    clearInterval(rechecks);
    clearTimeout(timeUp);
    viewer.signal.removeEventListener("abort", stop);
    traffic.leave();
  });
  if (viewer.signal.aborted) stop();
  return stream;
}

function newsOf(traffic: WatchedTraffic, told: { version: number; trouble: Problem | undefined }): string {
  const trouble = traffic.trouble();
  if (trouble !== undefined) return told.trouble === undefined ? troubleEvent(trouble) : HEARTBEAT;
  const changed = traffic.seconds.changedSince(told.version);
  // Also when nothing changed: that the trouble is over.
  return changed.length > 0 || told.trouble !== undefined ? secondsEvent(traffic.seconds.span(), changed) : HEARTBEAT;
}
