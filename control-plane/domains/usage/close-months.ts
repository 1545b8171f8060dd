// Closes months: stores what every account has used, once and for all, when the last edges have had their time to send their
// lines. What comes later is reported, and not billed.
import type { Logger } from "../../../platform/log.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import { areProvidersBehind } from "../provider/index.ts";
import { type ClosingCount, tally } from "./close-counting.ts";
import { type CloseVerdict, closeVerdict } from "./close-rules.ts";
import { insertClosing, isClosed } from "./closing-store.ts";
import { noteEdges } from "./edge-store.ts";
import { type Month, monthOf, monthsBetween, type Period, periodOf } from "./month.ts";
import { findEdgesInArrears, findFirstAccountTime, findOpenAccounts } from "./read-model.ts";
import { insertClosedMonth } from "./store.ts";

export interface Closing extends ClosingCount {
  readonly log: Logger;
  /** All that was counted of that time agrees with the lines that are stored of it. */
  readonly isReconciled: (period: Period, signal: AbortSignal) => Promise<boolean>;
}

/** A schedule that stood still for longer leaves the older ones open. */
const MONTHS_BACK_MAX = 24;
const PAGE_ROWS = 50;

/** Every month that is due, the oldest first; of those that are closed, the accounts that were left open. */
export async function closeMonths(closing: Closing, signal: AbortSignal): Promise<void> {
  const { db, clock, log } = closing;
  const first = await findFirstAccountTime(db);
  if (first === undefined) return;
  const now = clock();
  const months = monthsBetween(monthOf(first), monthOf(now), MONTHS_BACK_MAX);
  for (const month of [...months].reverse()) {
    if ((await isClosed(db, month)) && !(await isAnybodyOpen(db, month))) continue;
    const verdict = await judge(closing, month, signal);
    if (verdict === "close") await closeMonth(closing, month, signal);
    else if (verdict !== "early") log.info({ month, waits_for: verdict }, "a month is not closed yet");
  }
}

async function isAnybodyOpen(db: Database, month: Month): Promise<boolean> {
  return (await findOpenAccounts(db, { month, after: undefined, limit: 1 })).length > 0;
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
  await inTransaction(db, noteEdges);
  let leftOpen = 0;
  for (let after: string | undefined; ; ) {
    signal.throwIfAborted();
    const page = await findOpenAccounts(db, { month, after, limit: PAGE_ROWS });
    leftOpen += await closePage(closing, month, page, signal);
    after = page.at(-1);
    if (page.length < PAGE_ROWS) break;
  }
  await inTransaction(db, (tx) => insertClosing(tx, month, clock()));
  log.info({ month, left_open: leftOpen }, "a month is closed");
}

/** Answers how many of them are left open: the next run tries them again. */
async function closePage(
  closing: Closing,
  month: Month,
  accountIds: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const { db, clock, log } = closing;
  const { whole, faults } = await tally(closing, { accountIds, period: periodOf(month) }, signal);
  const closedAt = clock();
  await inTransaction(db, async (tx) => {
    for (const [accountId, figures] of whole) await insertClosedMonth(tx, { accountId, month, closedAt, ...figures });
  });
  for (const [accountId, error] of faults) {
    log.error({ account_id: accountId, month, error }, "the month of an account stays open");
  }
  return faults.size;
}
