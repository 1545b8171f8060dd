// What accounts have used: closed months as they were stored, the others as they are counted so far.
import { Problem } from "../../../platform/problem.ts";
import type { ClickHouse } from "../../database/clickhouse.ts";
import type { Database } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { findAccount } from "../account/index.ts";
import type { ReportQueries } from "../report/index.ts";
import { findClosings } from "./closing-store.ts";
import { askAtOnce, askInTurn, type Counts, createCounts } from "./counted.ts";
import type { Figures, MonthFigures } from "./figures.ts";
import { type Month, monthBefore, monthOf, monthsBetween, pastOf, periodOf } from "./month.ts";
import { countAccounts, countDistributions, countMonths } from "./month-figures.ts";
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
  queries,
  clock,
}: {
  db: Database;
  clickhouse: ClickHouse;
  queries: Pick<ReportQueries, "rows">;
  clock: () => Date;
}) {
  const countsOfAll = createCounts(askAtOnce(clickhouse));
  const countsOf = (accountId: string) => createCounts(askInTurn(queries, accountId));
  const countingBy = (counts: Counts, signal: AbortSignal) => ({ reads: db, counts, signal, now: clock() });

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
    const open = shown.filter((month) => !closed.has(month));
    const counted = await countMonths(countingBy(countsOf(accountId), signal), {
      accountIds: [accountId],
      periods: open.map(pastPeriodOf),
    });
    const items = shown.map((month) => {
      const stored = closed.get(month);
      if (stored !== undefined) return closedUsage(stored);
      return openUsage(month, figuresOf(counted.get(month)?.get(accountId)), closings);
    });
    return { items, hasMore: months.length > limit };
  }

  async function firstMonthOf(accountId: string, now: Date): Promise<Month> {
    return monthOf((await findAccount(db, accountId))?.createdAt ?? now);
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
    const counting = countingBy(countsOf(accountId), signal);
    const [counted, distributions] = await Promise.all([countAccounts(counting, of), countDistributions(counting, of)]);
    const own = counted.get(accountId);
    return {
      ...openUsage(month, figuresOf(own), await findClosings(db, [month])),
      days: own?.days ?? [],
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
    const counted = await countAccounts(countingBy(countsOfAll, signal), { accountIds: others, period });
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

function figuresOf(counted: Pick<MonthFigures, "figures"> | undefined): Figures {
  if (counted === undefined) throw new Error("an account is counted, and be it zero");
  return counted.figures;
}
