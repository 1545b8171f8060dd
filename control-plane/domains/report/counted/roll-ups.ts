// Which table is counted from which, so that the one can be compared with the other and put right. No I/O.
import { type Sum, sums } from "./tables.ts";

export interface RollUp {
  readonly view: string;
  readonly source: string;
  readonly target: string;
  readonly keys: readonly string[];
  readonly sums: readonly string[];
  /** A column whose union with itself is itself, and how it is merged. */
  readonly set?: { readonly column: string; readonly merge: string };
}

const trafficKeys = ["account_id", "dimension", "distribution_id", "time", "value"];
const visitors = { column: "visitors", merge: "uniqCombined64MergeState(13)" };

export const trafficMinute: RollUp = {
  ...{ view: "traffic_minute_view", source: "access_log", target: "traffic_minute", keys: trafficKeys, sums },
};
export const trafficHour: RollUp = {
  ...{
    view: "traffic_hour_view",
    source: "access_log",
    target: "traffic_hour",
    keys: trafficKeys,
    sums,
    set: visitors,
  },
};
export const trafficDay: RollUp = {
  ...{
    view: "traffic_day_view",
    source: "traffic_hour",
    target: "traffic_day",
    keys: trafficKeys,
    sums,
    set: visitors,
  },
};
export const topDay: RollUp = {
  view: "top_day_view",
  source: "access_log",
  target: "top_day",
  keys: ["account_id", "what", "distribution_id", "value", "day"],
  sums: ["requests", "bytes_out"],
  set: { column: "last_seen", merge: "max" },
};

export interface Period {
  readonly from: Date;
  readonly to: Date;
}

/** Sums as ClickHouse writes them: they may be beyond what a JavaScript number holds. */
export type Totals = Readonly<Record<Sum, string>>;

export function areEqual(one: Totals, other: Totals | undefined): boolean {
  return other !== undefined && sums.every((name) => one[name] === other[name]);
}

const DAY_MS = 24 * 3600 * 1000;
/** A month is settled with its customers by then, at the latest: what was compared once is left as it is. */
const MONTH_CLOSED_AFTER_DAYS = 7;

/** Hours before this belong to months that are closed. */
export function openSince(now: Date): Date {
  const reference = new Date(now.getTime() - MONTH_CLOSED_AFTER_DAYS * DAY_MS);
  return new Date(Date.UTC(reference.getUTCFullYear(), reference.getUTCMonth(), 1));
}

/** What is known of an hour, or of a day. */
export interface Span {
  readonly time: Date;
  /** When the last of its lines was stored, or of its lines sent again; undefined: it has no lines. */
  readonly storedLast: Date | undefined;
  readonly notedLast: Date | undefined;
  /** Compared and found equal, with all that had been stored until then. */
  readonly reconciledUntil: Date | undefined;
}

/**
 * `done`: nothing is to be compared. `busy`: its lines may be on their way into the roll-ups still. `doubtful`: lines were
 * sent again, so that even equal totals prove nothing.
 */
export function stateOf(span: Span, until: Date, now: Date): "done" | "busy" | "doubtful" | "ready" {
  const { time, storedLast, notedLast, reconciledUntil } = span;
  if (reconciledUntil !== undefined && time < openSince(now)) return "done";
  const isNewer = (at: Date | undefined, than: Date) => at !== undefined && at > than;
  if (reconciledUntil !== undefined && !isNewer(storedLast, reconciledUntil) && !isNewer(notedLast, reconciledUntil)) {
    return "done";
  }
  if (isNewer(storedLast, until) || isNewer(notedLast, until)) return "busy";
  if (notedLast !== undefined && (reconciledUntil === undefined || notedLast > reconciledUntil)) return "doubtful";
  return "ready";
}
