// The tables of closed months. Models stay in this file; others see records, whose JSON was parsed on the way out.
import { Model, snakeCaseMappers } from "objection";
import { z } from "zod";
import type { Reads, Tx } from "../../database/transaction.ts";
import {
  dayFiguresSchema,
  distributionFiguresSchema,
  type Figures,
  figuresSchema,
  type MonthFigures,
} from "./figures.ts";
import type { Month } from "./month.ts";

class UsageMonthModel extends Model {
  static override tableName = "usage_month";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["figures", "days", "distributions"];
  static override idColumn = ["account_id", "month"];

  declare accountId: string;
  declare month: string;
  declare figures: unknown;
  declare days: unknown;
  declare distributions: unknown;
  declare closedAt: Date;
}

/** A month of an account that is closed. */
export interface ClosedMonth {
  readonly accountId: string;
  readonly month: Month;
  readonly figures: Figures;
  readonly closedAt: Date;
}

const SUMMARY = ["account_id", "month", "figures", "closed_at"];

function closedMonth({ accountId, month, figures, closedAt }: UsageMonthModel): ClosedMonth {
  return { accountId, month, figures: figuresSchema.parse(figures), closedAt };
}

/** From the newest of these months to the oldest. */
export async function findClosedMonths(
  reads: Reads,
  accountId: string,
  months: readonly Month[],
): Promise<readonly ClosedMonth[]> {
  const rows = await UsageMonthModel.query(reads)
    .select(SUMMARY)
    .where({ account_id: accountId })
    .whereIn("month", [...months]);
  return rows.map(closedMonth);
}

/** Of these accounts. */
export async function findClosedAccounts(
  reads: Reads,
  month: Month,
  accountIds: readonly string[],
): Promise<readonly ClosedMonth[]> {
  const rows = await UsageMonthModel.query(reads)
    .select(SUMMARY)
    .where({ month })
    .whereRaw("account_id = any(?)", [[...accountIds]]);
  return rows.map(closedMonth);
}

/** With its days and distributions. */
export async function findClosedMonth(
  reads: Reads,
  accountId: string,
  month: Month,
): Promise<(ClosedMonth & MonthFigures) | undefined> {
  const row = await UsageMonthModel.query(reads).findById([accountId, month]);
  if (row === undefined) return undefined;
  return {
    ...closedMonth(row),
    days: z.array(dayFiguresSchema).parse(row.days),
    distributions: z.array(distributionFiguresSchema).parse(row.distributions),
  };
}

/** Whoever comes second changes nothing. */
export async function insertClosedMonth(
  tx: Tx,
  { accountId, month, figures, days, distributions, closedAt }: ClosedMonth & MonthFigures,
): Promise<void> {
  await UsageMonthModel.query(tx)
    .insert({ accountId, month, figures, days, distributions, closedAt })
    .onConflict(["account_id", "month"])
    .ignore();
}
