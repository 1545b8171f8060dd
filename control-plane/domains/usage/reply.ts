// Usage on the wire, as JSON and as lines of a table.
import { regions } from "../../../edge-templates/index.ts";
import { type CsvCell, csvOf } from "../../http/csv.ts";
import { byEveryRegion, type MonthFigures, type Sums, shareOf } from "./figures.ts";
import type { AccountUsageReply, UsageDetailsReply, UsageMonthReply } from "./schema.ts";
import type { AccountUsage, UsageMonth } from "./service.ts";

export function monthToReply({ month, status, countedUntil, closedAt, figures }: UsageMonth): UsageMonthReply {
  return {
    ...{ month, status, counted_until: countedUntil.toISOString(), closed_at: closedAt?.toISOString() ?? null },
    ...sumsToReply(figures),
    bytes_by_region: byEveryRegion(figures.bytes_by_region),
    bandwidth_p95: figures.bandwidth_p95,
  };
}

export function detailsToReply({ days, distributions, ...month }: UsageMonth & MonthFigures): UsageDetailsReply {
  return {
    ...monthToReply(month),
    days: days.map(({ date, ...sums }) => ({ date, ...sumsToReply(sums) })),
    distributions: distributions.map(({ distribution_id, domain, ...sums }) => ({
      ...{ distribution_id, domain },
      ...sumsToReply(sums),
    })),
  };
}

export function accountToReply({ accountId, accountName, ...month }: AccountUsage): AccountUsageReply {
  return { account_id: accountId, account: accountName, ...monthToReply(month) };
}

function sumsToReply({ requests, bytes, bytes_in, hits, hit_bytes, origin_requests, origin_bytes }: Sums) {
  return {
    ...{ requests, bytes, bytes_in, hits, hit_ratio: shareOf(hits, requests) },
    ...{ byte_hit_ratio: shareOf(hit_bytes, bytes), origin_requests, origin_bytes },
  };
}

const SUMS = [
  ...["requests", "bytes", "bytes_in", "hits", "hit_ratio", "byte_hit_ratio", "origin_requests", "origin_bytes"],
];
const MONTH = [
  ...["month", "status", "counted_until", "closed_at", ...SUMS, "bandwidth_p95"],
  ...regions.map((region) => `bytes_${region}`),
];

export function monthsToCsv(months: readonly UsageMonthReply[]): string {
  return csvOf(MONTH, months.map(monthToRow));
}

export function accountsToCsv(accounts: readonly AccountUsageReply[]): string {
  const rows = accounts.map(({ account_id, account, ...month }) => ({ account_id, account, ...monthToRow(month) }));
  return csvOf(["account_id", "account", ...MONTH], rows);
}

export function partsToCsv({ days, distributions }: UsageDetailsReply, by: "day" | "distribution"): string {
  if (by === "day") return csvOf(["date", ...SUMS], days);
  return csvOf(["distribution_id", "domain", ...SUMS], distributions);
}

function monthToRow({ bytes_by_region: bytes, ...month }: UsageMonthReply): Record<string, CsvCell> {
  return { ...month, ...Object.fromEntries(regions.map((region) => [`bytes_${region}`, bytes[region]])) };
}
