// From when on a resource's traffic is a distribution's. What happened stays whose it was: a link that moves changes the future.
import { BACK_MAX_MS, bucketOf, nextBucket } from "./rules.ts";

export interface LinkSpan {
  readonly since: Date;
  readonly until: Date | null;
}

export type LinkStart =
  | { readonly since: Date /** The current link ends then. */; readonly endsCurrent: boolean }
  | { readonly fault: string };

/** Where a new link begins. `last`: the resource's newest one, if any. */
export function linkStart(last: LinkSpan | undefined, asked: Date | undefined, now: Date): LinkStart {
  if (asked !== undefined) return askedStart(last, asked, now);
  if (last === undefined) return { since: bucketOf(now), endsCurrent: false };
  if (last.until === null) return { since: laterOf(nextBucket(now), last.since), endsCurrent: true };
  return { since: laterOf(bucketOf(now), last.until), endsCurrent: false };
}

function askedStart(last: LinkSpan | undefined, asked: Date, now: Date): LinkStart {
  if (asked > now) return { fault: "must not lie in the future." };
  if (asked.getTime() < now.getTime() - BACK_MAX_MS) return { fault: "must lie within the last 60 days." };
  const since = bucketOf(asked);
  if (last === undefined || (last.until !== null && since >= last.until)) return { since, endsCurrent: false };
  const until = last.until === null ? "is linked already" : `was linked until ${last.until.toISOString()}`;
  return { fault: `lies in a time during which the resource ${until}: what was counted stays. Leave it out.` };
}

/** When a link ends that is taken away now; undefined: it has not begun. */
export function linkEnd({ since }: LinkSpan, now: Date): Date | undefined {
  const until = nextBucket(now);
  return since < until ? until : undefined;
}

function laterOf(one: Date, other: Date): Date {
  return one > other ? one : other;
}
