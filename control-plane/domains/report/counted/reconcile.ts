// Compares what was counted with the lines it was counted from, hour by hour and day by day, and puts right what differs:
// an insert may have stored its lines and failed, or been killed, before each of its views had counted them.
//
// An hour is looked at when no line of it has been stored for longer than an insert may take. What its roll-ups lack is
// added as rows of their own (or what they have too much taken away: sums are modulo 2^64), each table's in one insert:
// whoever is killed half-way has put right some tables, and the next one finds what is left. Should a line come in at that
// very moment, the next comparison finds what that did. ADR 34.
import type { Logger } from "../../../../platform/log.ts";
import type { ClickHouse } from "../../../database/clickhouse.ts";
import { createReconcileStore, dayOf, type ReconcileStore } from "./reconcile-store.ts";
import {
  areEqual,
  type Period,
  type RollUp,
  type Span,
  stateOf,
  type Totals,
  topDay,
  trafficDay,
  trafficHour,
  trafficMinute,
} from "./roll-ups.ts";
import { minutesKeptDays } from "./tables.ts";

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** An insert ends within INSERT_SECONDS_MAX (60), and then some. */
const SETTLE_MS = 2 * 60 * 1000;
/**
 * Each is compared key by key, which takes a second or more. Whoever says again and again that lines of months were sent again
 * keeps nobody waiting: in each run the newest are first, the oldest of those that are left come last, and the others with the next.
 */
const DOUBTFUL_HOURS_MAX = 48;
const DOUBTFUL_HOURS_OF_OLDEST = 24;
/** Every dimension of accounts, and those of distributions: each line counts in each of them. */
const MINUTE_SERIES = 10;
const HOUR_SERIES = 18;

export interface Reconciling {
  readonly clickhouse: ClickHouse;
  readonly log: Logger;
  /** Tests wait less, and do less at a time. */
  readonly settleMs?: number;
  readonly doubtfulHoursMax?: number;
}

/** Looks at all that was stored since it was last compared. Safe beside inserts, beside itself, and to be killed. */
export async function reconcile(
  { clickhouse, log, settleMs = SETTLE_MS, doubtfulHoursMax = DOUBTFUL_HOURS_MAX }: Reconciling,
  signal: AbortSignal,
): Promise<void> {
  const store = createReconcileStore(clickhouse, signal);
  const now = await store.now();
  const until = new Date(now.getTime() - settleMs);
  const failures: unknown[] = [];
  let doubtfulHours = doubtfulHoursMax;
  let oldestLeft: Date | undefined;
  const lookAt = async (day: Date, doubtfulMax: number) => {
    signal.throwIfAborted();
    try {
      const { doubtful, left } = await reconcileDay({ store, log, now, until }, dayOf(day), doubtfulMax);
      doubtfulHours -= doubtful;
      if (left > 0) oldestLeft = day;
    } catch (error) {
      // A day that cannot be compared keeps no other from it.
      failures.push(error);
    }
  };
  for (const day of await store.findChangedDays()) await lookAt(day, doubtfulHours);
  if (oldestLeft !== undefined) await lookAt(oldestLeft, DOUBTFUL_HOURS_OF_OLDEST);
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} days could not be compared`);
}

interface Looking {
  readonly store: ReconcileStore;
  readonly log: Logger;
  readonly now: Date;
  readonly until: Date;
}

/** Of hours that are doubtful it looks at so many; answers at how many, and how many are left. */
async function reconcileDay({ store, log, now, until }: Looking, day: Period, doubtfulMax: number) {
  const spans = await store.findSpans(day);
  const hours = spans.filter(({ span }) => span === "hour");
  const inState = (state: ReturnType<typeof stateOf>) => hours.filter((hour) => stateOf(hour, until, now) === state);
  const allDoubtful = inState("doubtful");
  const doubtful = new Set(allDoubtful.slice(0, doubtfulMax));
  const ready = [...inState("ready"), ...doubtful];
  const isMinuteKept = day.from.getTime() > now.getTime() - (minutesKeptDays - 1) * DAY_MS;
  const rollUps = isMinuteKept ? [trafficMinute, trafficHour] : [trafficHour];
  const wrong = await findWrong(store, day, ready, rollUps);
  const right: Date[] = [];
  for (const hour of ready) {
    const isWrong = (rollUp: RollUp) => wrong.get(rollUp)?.has(hour.time.getTime()) === true;
    const suspects = doubtful.has(hour) ? rollUps : rollUps.filter(isWrong);
    const period = { from: hour.time, to: new Date(hour.time.getTime() + HOUR_MS) };
    if (await putRight(store, log, period, suspects)) right.push(hour.time);
  }
  await store.recordReconciled("hour", right, until);
  const left = hours.filter((hour) => stateOf(hour, until, now) !== "done" && !right.includes(hour.time));
  if (left.length === 0) await reconcileWhole({ store, log, until }, day, spans);
  return { doubtful: doubtful.size, left: allDoubtful.length - doubtful.size };
}

/** The day itself, whose hours are right, and then what was asked for most in it. */
async function reconcileWhole({ store, log, until }: Omit<Looking, "now">, day: Period, spans: FoundSpans) {
  if (!isComparedSince(spans, "day")) {
    if (!(await putDayRight(store, log, day))) return;
    await store.recordReconciled("day", [day.from], until);
  }
  if (!isComparedSince(spans, "top") && (await putTopsRight(store, log, day))) {
    await store.recordReconciled("top", [day.from], until);
  }
}

type FoundSpans = Awaited<ReturnType<ReconcileStore["findSpans"]>>;

/** Whether the day was compared since the last of its lines was stored, or sent again. */
function isComparedSince(spans: FoundSpans, span: "day" | "top"): boolean {
  const compared = spans.find((one) => one.span === span)?.reconciledUntil;
  if (compared === undefined) return false;
  const hours = spans.filter((one) => one.span === "hour");
  return hours.every(
    ({ storedLast, notedLast }) => (storedLast ?? compared) <= compared && (notedLast ?? compared) <= compared,
  );
}

/** Of each roll-up: the hours whose totals are not those of the lines. */
async function findWrong(
  store: ReconcileStore,
  day: Period,
  ready: readonly Span[],
  rollUps: readonly RollUp[],
): Promise<ReadonlyMap<RollUp, ReadonlySet<number>>> {
  if (ready.length === 0) return new Map();
  const lines = await store.totalsOfLines(day);
  const wrong = await Promise.all(
    rollUps.map(async (rollUp): Promise<[RollUp, ReadonlySet<number>]> => {
      const series = await store.totalsOf(rollUp.target, "toStartOfHour", day);
      const expected = rollUp === trafficMinute ? MINUTE_SERIES : HOUR_SERIES;
      return [rollUp, wrongHours(ready, lines, series, expected)];
    }),
  );
  return new Map(wrong);
}

type Series = Totals & { readonly start: Date; readonly series: string };

const NOTHING: Totals = {
  ...{ requests: "0", hits: "0", errors: "0", bytes_out: "0", hit_bytes: "0", bytes_in: "0" },
  ...{ origin_requests: "0", origin_bytes: "0" },
};

function wrongHours(
  ready: readonly Span[],
  lines: ReadonlyMap<number, Totals>,
  series: readonly Series[],
  seriesExpected: number,
): ReadonlySet<number> {
  const wrong = new Set<number>();
  for (const { time } of ready) {
    const truth = lines.get(time.getTime());
    const found = series.filter(({ start }) => start.getTime() === time.getTime());
    const isWhole = truth === undefined || found.length === seriesExpected;
    if (!isWhole || !found.every((one) => areEqual(truth ?? NOTHING, one))) wrong.add(time.getTime());
  }
  return wrong;
}

/** Answers whether all of them are as their lines are. */
async function putRight(
  store: ReconcileStore,
  log: Logger,
  period: Period,
  rollUps: readonly RollUp[],
): Promise<boolean> {
  let isRight = true;
  for (const rollUp of rollUps) {
    const difference = await store.fingerprintOf(rollUp, period);
    if (difference === undefined) continue;
    await store.addDifference(rollUp, period, difference);
    log.warn(
      { table: rollUp.target, from: period.from, to: period.to },
      "counts that differed from their lines were put right",
    );
    // Not at once: lines that came in meanwhile make a difference that is none. The next run looks again.
    isRight = false;
  }
  return isRight;
}

async function putDayRight(store: ReconcileStore, log: Logger, day: Period): Promise<boolean> {
  const [hours, days] = [
    await store.totalsOf("traffic_hour", "toStartOfDay", day),
    await store.totalsOf("traffic_day", "toStartOfDay", day),
  ];
  const bySeries = new Map(days.map((one) => [one.series, one]));
  const isRight = hours.length === days.length && hours.every((one) => areEqual(one, bySeries.get(one.series)));
  return isRight || putRight(store, log, day, [trafficDay]);
}

/** By the days, which are right. */
async function putTopsRight(store: ReconcileStore, log: Logger, day: Period): Promise<boolean> {
  const { counted, expected } = await store.topsOfDay(day);
  const isRight = JSON.stringify(counted) === JSON.stringify(expected);
  if (!isRight && !(await putRight(store, log, day, [topDay]))) return false;
  const accounts = await store.findAccountsWithoutTops(day);
  if (accounts.length > 0) await store.remakeTops(day, accounts);
  return accounts.length === 0;
}

/**
 * Whether what was counted of the period's traffic has been compared with all its lines: nothing in it will change by that.
 * What was asked for most is not part of it.
 */
export async function isReconciled(
  { clickhouse }: Pick<Reconciling, "clickhouse">,
  period: Period,
  signal: AbortSignal,
) {
  const store = createReconcileStore(clickhouse, signal);
  const now = await store.now();
  for (const day of await store.findChangedDays()) {
    if (day >= period.to || day.getTime() + DAY_MS <= period.from.getTime()) continue;
    const spans = await store.findSpans(dayOf(day));
    const inPeriod = spans.filter(({ span, time }) => span === "hour" && time >= period.from && time < period.to);
    if (inPeriod.some((hour) => stateOf(hour, now, now) !== "done")) return false;
    if (inPeriod.length > 0 && !isComparedSince(spans, "day")) return false;
  }
  return true;
}
