// Which job does what, and what recurs: for the worker and the scheduler role.
import type { ClickHouse } from "../../database/clickhouse.ts";
import { inTransaction } from "../../database/transaction.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { every, type Schedule } from "../../jobs/schedule.ts";
import { checkAllQuotas, checkQuota, type QuotaChecks } from "./check-quotas.ts";
import { type Closing, closeMonths } from "./close-months.ts";
import { askAtOnce, createCounts } from "./counted.ts";
import { noteEdges } from "./edge-store.ts";
import { checkAllQuotasJob, checkQuotaJob, closeMonthsJob, noteEdgesJob } from "./jobs.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

type Counted<Settings> = Omit<Settings, "counts"> & { readonly clickhouse: ClickHouse };

export function usageHandlers({ clickhouse, ...settings }: Counted<QuotaChecks>): JobHandler[] {
  const checks = { ...settings, counts: createCounts(askAtOnce(clickhouse)) };
  return [
    handleJob(checkAllQuotasJob, (_, signal) => checkAllQuotas(checks, signal)),
    handleJob(checkQuotaJob, ({ account_id: id }, signal) => checkQuota(checks, id, signal)),
    handleJob(noteEdgesJob, () => inTransaction(settings.db, noteEdges)),
  ];
}

export function closingHandlers({ clickhouse, ...settings }: Counted<Closing>): JobHandler[] {
  const closing = { ...settings, counts: createCounts(askAtOnce(clickhouse)) };
  return [handleJob(closeMonthsJob, (_, signal) => closeMonths(closing, signal))];
}

export const usageSchedules: readonly Schedule[] = [
  every(MINUTE_MS, checkAllQuotasJob, {}),
  every(MINUTE_MS, noteEdgesJob, {}),
];

export const closingSchedules: readonly Schedule[] = [every(HOUR_MS, closeMonthsJob, {})];
