// Puts together what accounts have used in a month, or in what of it is over, from what is counted.
import type { Region } from "../../../edge-templates/index.ts";
import type { Reads } from "../../database/transaction.ts";
import type { Accounts, Counts } from "./counted.ts";
import { findRegions } from "./edge-store.ts";
import {
  added,
  type DayFigures,
  type DistributionFigures,
  type Figures,
  type MonthFigures,
  noSums,
  type Sums,
} from "./figures.ts";
import { areMinutesKept, daysOf, type Period } from "./month.ts";
import { findDomains } from "./read-model.ts";

/** Of the distributions of an account: the others are added up. */
const NAMED_MAX = 5_000;

export interface Counting {
  readonly reads: Reads;
  readonly counts: Counts;
  readonly signal: AbortSignal;
  readonly now: Date;
}

export type Counted = Pick<MonthFigures, "figures" | "days">;

/** Of each of the accounts. */
export async function countAccounts(
  { reads, counts, signal, now }: Counting,
  of: Accounts,
): Promise<ReadonlyMap<string, Counted>> {
  const [regions, days, edges, bandwidths] = await Promise.all([
    findRegions(reads),
    counts.days(of, signal),
    counts.edges(of, signal),
    counts.bandwidth95(of, signal),
  ]);
  const [daysByAccount, edgesByAccount] = [byAccount(days), byAccount(edges)];
  return new Map(
    of.accountIds.map((id) => {
      const everyDay = filled(daysByAccount.get(id) ?? [], of.period);
      const figures: Figures = {
        ...everyDay.reduce(added, noSums),
        bytes_by_region: byRegion(edgesByAccount.get(id) ?? [], regions),
        bandwidth_p95: areMinutesKept(of.period, now) ? (bandwidths.get(id) ?? 0) : null,
      };
      return [id, { figures, days: everyDay }];
    }),
  );
}

/** Of each of the accounts that has some: the largest first. `namedMax` is for tests. */
export async function countDistributions(
  { reads, counts, signal }: Omit<Counting, "now">,
  of: Accounts,
  namedMax = NAMED_MAX,
): Promise<ReadonlyMap<string, readonly DistributionFigures[]>> {
  const counted = byAccount(await counts.distributions(of, signal));
  const named = new Map([...counted].map(([account, rows]) => [account, rows.slice(0, namedMax)]));
  const ids = [...named.values()].flat().map(({ distribution_id: id }) => id);
  const domains = await findDomains(reads, ids);
  return new Map(
    [...named].map(([account, rows]) => {
      const figures: DistributionFigures[] = rows.map((row) => ({
        ...{ distribution_id: row.distribution_id, domain: domains.get(row.distribution_id) ?? null },
        ...sumsOf(row),
      }));
      const others = (counted.get(account) ?? []).slice(namedMax);
      if (others.length > 0) figures.push({ distribution_id: null, domain: null, ...others.reduce(added, noSums) });
      return [account, figures];
    }),
  );
}

function sumsOf(row: Sums): Sums {
  return added(row, noSums);
}

function byAccount<Row extends { readonly account_id: string }>(rows: readonly Row[]): ReadonlyMap<string, Row[]> {
  const grouped = new Map<string, Row[]>();
  for (const row of rows) {
    const own = grouped.get(row.account_id);
    if (own === undefined) grouped.set(row.account_id, [row]);
    else own.push(row);
  }
  return grouped;
}

/** Every day of the period: what had no traffic is zero. */
function filled(days: readonly (Sums & { readonly date: string })[], period: Period): readonly DayFigures[] {
  const known = new Map(days.map((day) => [day.date, day]));
  return daysOf(period).map((date) => ({ date, ...sumsOf(known.get(date) ?? noSums) }));
}

function byRegion(
  edges: readonly { readonly edge_id: string; readonly bytes: number }[],
  regions: ReadonlyMap<string, Region>,
): Figures["bytes_by_region"] {
  const bytes: Partial<Record<Region, number>> = {};
  for (const edge of edges) {
    const region = regions.get(edge.edge_id) ?? "other";
    bytes[region] = (bytes[region] ?? 0) + edge.bytes;
  }
  return bytes;
}
