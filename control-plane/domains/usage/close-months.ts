// Closes months: stores what every account has used, once and for all, when the last edges have had their time to send their
// lines. What comes later is reported, and not billed.
import type { Logger } from "../../../platform/log.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import { areProvidersBehind } from "../provider/index.ts";
import { type CloseVerdict, closeVerdict, isSettled } from "./close-rules.ts";
import { insertClosing, isClosed } from "./closing-store.ts";
import type { Counts } from "./counted.ts";
import { noteEdges } from "./edge-store.ts";
import type { MonthFigures } from "./figures.ts";
import { type Month, monthOf, monthsBetween, type Period, periodOf } from "./month.ts";
import { countAccounts, countDistributions } from "./month-figures.ts";
import { type AccountRow, findAccounts, findEdgesInArrears, findFirstAccountTime } from "./read-model.ts";
import { findClosedAccounts, insertClosedMonth } from "./store.ts";

export interface Closing {
  readonly db: Database;
  readonly counts: Counts;
  readonly clock: () => Date;
  readonly log: Logger;
  /** All that was counted of that time agrees with the lines that are stored of it. */
  readonly isReconciled: (period: Period, signal: AbortSignal) => Promise<boolean>;
}

/** A schedule that stood still for longer leaves the older ones open. */
const MONTHS_BACK_MAX = 24;
const PAGE_ROWS = 50;
const COUNTED_MAX = 3;

/** Every month that is due, the oldest first. */
export async function closeMonths(closing: Closing, signal: AbortSignal): Promise<void> {
  const { db, clock, log } = closing;
  const first = await findFirstAccountTime(db);
  if (first === undefined) return;
  const now = clock();
  const months = monthsBetween(monthOf(first), monthOf(now), MONTHS_BACK_MAX);
  for (const month of [...months].reverse()) {
    if (await isClosed(db, month)) continue;
    const verdict = await judge(closing, month, signal);
    if (verdict === "close") await closeMonth(closing, month, signal);
    else if (verdict !== "early") log.info({ month, waits_for: verdict }, "a month is not closed yet");
  }
}

async function judge({ db, clock, isReconciled }: Closing, month: Month, signal: AbortSignal): Promise<CloseVerdict> {
  const period = periodOf(month);
  const now = clock();
  if (closeVerdict(period, now, { hasArrears: false, isReconciled: true }) === "early") return "early";
  return closeVerdict(period, now, {
    hasArrears: (await findEdgesInArrears(db, period.to)) || (await areProvidersBehind(db, period.to)),
    isReconciled: await isReconciled(period, signal),
  });
}

/** A transaction per page of accounts: who is killed in the middle has closed whole ones, which the next one leaves alone. */
async function closeMonth(closing: Closing, month: Month, signal: AbortSignal): Promise<void> {
  const { db, clock, log } = closing;
  const period = periodOf(month);
  await inTransaction(db, noteEdges);
  for (let after: string | undefined; ; ) {
    signal.throwIfAborted();
    const page = await findAccounts(db, { period, after, limit: PAGE_ROWS });
    await closePage(closing, month, page, signal);
    after = page.at(-1)?.id;
    if (page.length < PAGE_ROWS) break;
  }
  await inTransaction(db, (tx) => insertClosing(tx, month, clock()));
  log.info({ month }, "a month is closed");
}

async function closePage(
  closing: Closing,
  month: Month,
  accounts: readonly AccountRow[],
  signal: AbortSignal,
): Promise<void> {
  const { db, clock } = closing;
  const ids = accounts.map(({ id }) => id);
  const closed = new Set((await findClosedAccounts(db, month, ids)).map(({ accountId }) => accountId));
  const open = ids.filter((id) => !closed.has(id));
  const counted = await count(closing, open, periodOf(month), signal);
  const closedAt = clock();
  await inTransaction(db, async (tx) => {
    for (const [accountId, figures] of counted) await insertClosedMonth(tx, { accountId, month, closedAt, ...figures });
  });
}

/** Anew where a line came in between one question and the next, so that no bill contradicts itself. */
async function count(
  { db, counts, clock }: Closing,
  accountIds: readonly string[],
  period: Period,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, MonthFigures>> {
  const counting = { reads: db, counts, signal, now: clock() };
  for (let attempt = 1; ; attempt += 1) {
    const accounts = await countAccounts(counting, { accountIds, period });
    const distributions = await countDistributions(counting, { accountIds, period });
    const whole = new Map(
      [...accounts].map(([id, counted]) => [id, { ...counted, distributions: distributions.get(id) ?? [] }]),
    );
    const unsettled = [...whole].find(([, figures]) => !isSettled(figures));
    if (unsettled === undefined) return whole;
    if (attempt < COUNTED_MAX) continue;
    throw new Error(`what account ${unsettled[0]} used does not add up: its month stays open`);
  }
}
