// Counts what is to be stored of accounts at the close of a month. One whose figures contradict each other, or that cannot be
// counted at all, keeps nobody else waiting.
import type { Database } from "../../database/transaction.ts";
import { isSettled } from "./close-rules.ts";
import type { Counts } from "./counted.ts";
import { type MonthFigures, noSums } from "./figures.ts";
import type { Period } from "./month.ts";
import { type Accounts, countAccounts, countDistributions } from "./month-figures.ts";

export interface ClosingCount {
  readonly db: Database;
  readonly counts: Counts;
  readonly clock: () => Date;
}

/** Each account is in one of the two. */
export interface Tally {
  readonly whole: ReadonlyMap<string, MonthFigures>;
  readonly faults: ReadonlyMap<string, unknown>;
}

const COUNTED_MAX = 3;

export async function tally(closing: ClosingCount, of: Accounts, signal: AbortSignal): Promise<Tally> {
  try {
    return await countSettled(closing, of, signal);
  } catch (error) {
    await assertNobodyIsAway(closing, signal);
    return await tallyApart(closing, of, error, signal);
  }
}

/** What keeps everybody from being counted is no account's fault: nothing is closed until it is over. */
async function assertNobodyIsAway({ db, counts }: ClosingCount, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await counts.assertAnswered(signal);
  await db.raw("select 1");
}

/** By halves: the others of a page are counted in few questions. */
async function tallyApart(
  closing: ClosingCount,
  { accountIds, period }: Accounts,
  error: unknown,
  signal: AbortSignal,
): Promise<Tally> {
  const [first = "", ...others] = accountIds;
  if (others.length === 0) return { whole: new Map(), faults: new Map([[first, error]]) };
  const middle = Math.ceil(accountIds.length / 2);
  const [some, rest] = [
    await tally(closing, { accountIds: accountIds.slice(0, middle), period }, signal),
    await tally(closing, { accountIds: accountIds.slice(middle), period }, signal),
  ];
  return {
    whole: new Map([...some.whole, ...rest.whole]),
    faults: new Map([...some.faults, ...rest.faults]),
  };
}

/** Anew where a line came in between one question and the next, so that no bill contradicts itself. */
async function countSettled(closing: ClosingCount, of: Accounts, signal: AbortSignal): Promise<Tally> {
  const whole = new Map<string, MonthFigures>();
  let unsettled = new Map<string, unknown>(of.accountIds.map((id) => [id, undefined]));
  for (let attempt = 1; attempt <= COUNTED_MAX && unsettled.size > 0; attempt += 1) {
    const once = await countOnce(closing, [...unsettled.keys()], of.period, signal);
    for (const [id, figures] of once.whole) whole.set(id, figures);
    unsettled = new Map(once.faults);
  }
  return { whole, faults: unsettled };
}

async function countOnce(
  { db, counts, clock }: ClosingCount,
  accountIds: readonly string[],
  period: Period,
  signal: AbortSignal,
): Promise<Tally> {
  const counting = { reads: db, counts, signal, now: clock() };
  const accounts = await countAccounts(counting, { accountIds, period });
  const distributions = await countDistributions(counting, { accountIds, period });
  const whole = new Map<string, MonthFigures>();
  const faults = new Map<string, unknown>();
  for (const [id, { figures, days, total, bytesOfEdges }] of accounts) {
    const own = distributions.get(id) ?? { figures: [], total: noSums };
    if (isSettled({ total, ofDistributions: own.total, bytesOfEdges })) {
      whole.set(id, { figures, days, distributions: own.figures });
    } else faults.set(id, new Error(contradiction(total, own.total, bytesOfEdges)));
  }
  return { whole, faults };
}

function contradiction(total: typeof noSums, ofDistributions: typeof noSums, bytesOfEdges: bigint): string {
  return (
    `what it used does not add up: ${total.requests} requests and ${total.bytes} bytes by day, ` +
    `${ofDistributions.requests} and ${ofDistributions.bytes} by distribution, ${bytesOfEdges} bytes by edge`
  );
}
