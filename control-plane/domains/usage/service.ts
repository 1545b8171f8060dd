// What accounts have used: closed months as they were stored, the others as they are counted so far.
import { Problem } from "../../../platform/problem.ts";
import type { ClickHouse } from "../../database/clickhouse.ts";
import type { Database } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { findAccount } from "../account/index.ts";
import { findClosings } from "./closing-store.ts";
import { createCounts } from "./counted.ts";
import type { Figures, MonthFigures } from "./figures.ts";
import { type Month, monthBefore, monthOf, monthsBetween, pastOf, periodOf } from "./month.ts";
import { countAccounts, countDistributions } from "./month-figures.ts";
import { unknownMonth } from "./problems.ts";
import { findAccounts } from "./read-model.ts";
import type { AccountsUsageQuery, UsageQuery } from "./schema.ts";
import { type ClosedMonth, findClosedAccounts, findClosedMonth, findClosedMonths } from "./store.ts";

export interface UsageMonth {
  readonly month: Month;
  readonly status: "open" | "closing" | "closed";
  readonly countedUntil: Date;
  readonly closedAt: Date | null;
  readonly figures: Figures;
}

export interface AccountUsage extends UsageMonth {
  readonly accountId: string;
  readonly accountName: string;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly hasMore: boolean;
}

export type UsageService = ReturnType<typeof createUsageService>;

export function createUsageService({
  db,
  clickhouse,
  clock,
}: {
  db: Database;
  clickhouse: ClickHouse;
  clock: () => Date;
}) {
  const counts = createCounts(clickhouse);
  const countingOf = (signal: AbortSignal) => ({ reads: db, counts, signal, now: clock() });

  /** From the account's first month to the running one, the newest first. */
  async function list(
    { accountId }: Pick<Caller, "accountId">,
    { cursor, limit }: UsageQuery,
    signal: AbortSignal,
  ): Promise<Page<UsageMonth>> {
    const now = clock();
    const first = await firstMonthOf(accountId, now);
    const last = cursor === undefined || cursor > monthOf(now) ? monthOf(now) : monthBefore(cursor);
    const months = monthsBetween(first, last, limit + 1);
    const shown = months.slice(0, limit);
    const closed = new Map((await findClosedMonths(db, accountId, shown)).map((one) => [one.month, one]));
    const closings = await findClosings(db, shown);
    const items: UsageMonth[] = [];
    for (const month of shown) {
      const stored = closed.get(month);
      if (stored !== undefined) items.push(closedUsage(stored));
      else items.push(openUsage(month, await countSoFar(accountId, month, signal), closings));
    }
    return { items, hasMore: months.length > limit };
  }

  async function firstMonthOf(accountId: string, now: Date): Promise<Month> {
    return monthOf((await findAccount(db, accountId))?.createdAt ?? now);
  }

  async function countSoFar(accountId: string, month: Month, signal: AbortSignal): Promise<Figures> {
    const period = pastPeriodOf(month);
    const counted = await countAccounts(countingOf(signal), { accountIds: [accountId], period });
    const figures = counted.get(accountId)?.figures;
    if (figures === undefined) throw new Error("an account is counted, and be it zero");
    return figures;
  }

  /** With its days and distributions. */
  async function get(
    { accountId }: Pick<Caller, "accountId">,
    month: Month,
    signal: AbortSignal,
  ): Promise<UsageMonth & MonthFigures> {
    const stored = await findClosedMonth(db, accountId, month);
    if (stored !== undefined) {
      const { days, distributions } = stored;
      return { ...closedUsage(stored), days, distributions };
    }
    if (month < (await firstMonthOf(accountId, clock()))) {
      throw new Problem(unknownMonth, "The account is younger than that.");
    }
    const of = { accountIds: [accountId], period: pastPeriodOf(month) };
    const counting = countingOf(signal);
    const [counted, distributions] = await Promise.all([countAccounts(counting, of), countDistributions(counting, of)]);
    const own = counted.get(accountId);
    if (own === undefined) throw new Error("an account is counted, and be it zero");
    return {
      ...openUsage(month, own.figures, await findClosings(db, [month])),
      days: own.days,
      distributions: distributions.get(accountId)?.figures ?? [],
    };
  }

  /** Of every account that there was by then, in the order of their ids. */
  async function listAccounts(
    { month, cursor, limit }: AccountsUsageQuery,
    signal: AbortSignal,
  ): Promise<Page<AccountUsage>> {
    const period = pastPeriodOf(month);
    const found = await findAccounts(db, { period, after: cursor, limit: limit + 1 });
    const shown = found.slice(0, limit);
    const ids = shown.map(({ id }) => id);
    const closed = new Map((await findClosedAccounts(db, month, ids)).map((one) => [one.accountId, one]));
    const others = ids.filter((id) => !closed.has(id));
    const counted = await countAccounts(countingOf(signal), { accountIds: others, period });
    const closings = await findClosings(db, [month]);
    const items = shown.flatMap(({ id: accountId, name: accountName }) => {
      const stored = closed.get(accountId);
      const figures = counted.get(accountId)?.figures;
      if (stored !== undefined) return [{ accountId, accountName, ...closedUsage(stored) }];
      return figures === undefined ? [] : [{ accountId, accountName, ...openUsage(month, figures, closings) }];
    });
    return { items, hasMore: found.length > limit };
  }

  /** A month that was closed without it is open again, not about to be closed. */
  function openUsage(month: Month, figures: Figures, closings: ReadonlySet<Month>): UsageMonth {
    const isClosing = month < monthOf(clock()) && !closings.has(month);
    return {
      ...{ month, status: isClosing ? "closing" : "open", closedAt: null, figures },
      countedUntil: pastPeriodOf(month).to,
    };
  }

  function pastPeriodOf(month: Month) {
    const period = pastOf(month, clock());
    if (period === undefined) throw new Problem(unknownMonth, "That month has not begun.");
    return period;
  }

  return { list, get, listAccounts };
}

function closedUsage({ month, figures, closedAt }: ClosedMonth): UsageMonth {
  return { month, status: "closed", countedUntil: periodOf(month).to, closedAt, figures };
}
