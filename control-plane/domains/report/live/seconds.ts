// The last seconds of some traffic as they are known now: what changed since somebody looked. No I/O.

/** What one second counted. */
export interface SecondCounts {
  readonly requests: number;
  readonly bytes: number;
  readonly hits: number;
  readonly status_1xx: number;
  readonly status_2xx: number;
  readonly status_3xx: number;
  readonly status_4xx: number;
  readonly status_5xx: number;
}

export interface Second extends SecondCounts {
  /** The beginning of the second. */
  readonly time: Date;
}

const WINDOW_SECONDS = 60;

const nothing: SecondCounts = {
  ...{ requests: 0, bytes: 0, hits: 0 },
  ...{ status_1xx: 0, status_2xx: 0, status_3xx: 0, status_4xx: 0, status_5xx: 0 },
};
const names = [
  "requests",
  "bytes",
  "hits",
  "status_1xx",
  "status_2xx",
  "status_3xx",
  "status_4xx",
  "status_5xx",
] as const;

export interface Span {
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
}

/** The whole seconds that are over: the one that runs is not told before its end. */
export function windowAt(now: Date): Span {
  const to = Math.floor(now.getTime() / 1000) * 1000;
  return { from: new Date(to - WINDOW_SECONDS * 1000), to: new Date(to) };
}

/** Every second of the span; what has no traffic is zero. */
export function everySecond({ from, to }: Span, found: readonly Second[]): Second[] {
  const known = new Map(found.map((second) => [second.time.getTime(), second]));
  const seconds: Second[] = [];
  for (let at = from.getTime(); at < to.getTime(); at += 1000) {
    seconds.push(known.get(at) ?? { time: new Date(at), ...nothing });
  }
  return seconds;
}

export interface RecentSeconds {
  /** Grows whenever a second is added or corrected. */
  version(): number;
  span(): Span;
  /** Takes what is known now of a window; answers whether anything is other than before. */
  update(span: Span, found: readonly Second[]): boolean;
  /** The seconds that were added or corrected after that version, the oldest first. */
  changedSince(version: number): readonly Second[];
}

export function createRecentSeconds(): RecentSeconds {
  let kept: { readonly second: Second; readonly version: number }[] = [];
  let current = 0;
  let span: Span = { from: new Date(0), to: new Date(0) };

  return {
    version: () => current,
    span: () => span,
    update: (next, found) => {
      const before = new Map(kept.map((entry) => [entry.second.time.getTime(), entry]));
      const version = current + 1;
      kept = everySecond(next, found).map((second) => {
        const known = before.get(second.time.getTime());
        return known !== undefined && isSame(known.second, second) ? known : { second, version };
      });
      span = next;
      const hasChanged = kept.some((entry) => entry.version === version);
      if (hasChanged) current = version;
      return hasChanged;
    },
    changedSince: (version) => kept.filter((entry) => entry.version > version).map(({ second }) => second),
  };
}

function isSame(a: SecondCounts, b: SecondCounts): boolean {
  return names.every((name) => a[name] === b[name]);
}
