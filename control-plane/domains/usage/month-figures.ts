// Puts together what accounts have used in a month, or in what of it is over, from what is counted.
import type { Region } from "../../../edge-templates/index.ts";
import type { Reads } from "../../database/transaction.ts";
import type { CountedScope, Counts } from "./counted.ts";
import { findRegions } from "./edge-store.ts";
import {
  added,
  type DistributionFigures,
  type ExactSums,
  type Figures,
  type MonthFigures,
  noSums,
  rounded,
} from "./figures.ts";
import { areMinutesKept, daysOf, type Month, monthOf, type Period } from "./month.ts";
import { findDomains } from "./read-model.ts";

/** Of the distributions of an account: the others are added up. */
const NAMED_MAX = 5_000;

export interface Accounts {
  readonly accountIds: readonly string[];
  /** Within one month. */
  readonly period: Period;
}

export interface Counting {
  readonly reads: Reads;
  readonly counts: Counts;
  readonly signal: AbortSignal;
  readonly now: Date;
}

export interface Counted extends Pick<MonthFigures, "figures" | "days"> {
  readonly total: ExactSums;
  /** Of all edges, wherever they stand. */
  readonly bytesOfEdges: bigint;
}

export interface CountedDistributions {
  readonly figures: readonly DistributionFigures[];
  readonly total: ExactSums;
}

/** Of each of the accounts. */
export async function countAccounts(
  counting: Counting,
  { accountIds, period }: Accounts,
): Promise<ReadonlyMap<string, Counted>> {
  const months = await countMonths(counting, { accountIds, periods: [period] });
  return months.get(monthOf(period.from)) ?? new Map();
}

/** Of each month, each of the accounts: all of them in as many questions as one. */
export async function countMonths(
  { reads, counts, signal, now }: Counting,
  of: CountedScope,
): Promise<ReadonlyMap<Month, ReadonlyMap<string, Counted>>> {
  const measurable = of.periods.filter((period) => areMinutesKept(period, now));
  const [regions, days, edges, bandwidths] = await Promise.all([
    findRegions(reads),
    counts.days(of, signal),
    counts.edges(of, signal),
    counts.bandwidth95({ ...of, periods: measurable }, signal),
  ]);
  const keyOf = (accountId: string, month: Month) => `${accountId} ${month}`;
  const ownDays = grouped(days, ({ account_id, date }) => keyOf(account_id, date.slice(0, 7)));
  const ownEdges = grouped(edges, ({ account_id, month }) => keyOf(account_id, month));
  const ownBandwidth = new Map(bandwidths.map((row) => [keyOf(row.account_id, row.month), row.bandwidth]));
  return new Map(
    of.periods.map((period) => {
      const month = monthOf(period.from);
      const counted = of.accountIds.map((id): [string, Counted] => {
        const key = keyOf(id, month);
        const everyDay = filled(ownDays.get(key) ?? [], period);
        const own = ownEdges.get(key) ?? [];
        const total = everyDay.reduce(added, noSums);
        const figures: Figures = {
          ...rounded(total),
          bytes_by_region: byRegion(own, regions),
          bandwidth_p95: measurable.includes(period) ? (ownBandwidth.get(key) ?? 0) : null,
        };
        const days = everyDay.map((day) => ({ date: day.date, ...rounded(day) }));
        return [id, { figures, days, total, bytesOfEdges: own.reduce((sum, { bytes }) => sum + bytes, 0n) }];
      });
      return [month, new Map(counted)];
    }),
  );
}

/** Of each of the accounts that has some: the largest first. `namedMax` is for tests. */
export async function countDistributions(
  { reads, counts, signal }: Omit<Counting, "now">,
  { accountIds, period }: Accounts,
  namedMax = NAMED_MAX,
): Promise<ReadonlyMap<string, CountedDistributions>> {
  const rows = await counts.distributions({ accountIds, periods: [period] }, signal);
  const counted = grouped(rows, ({ account_id }) => account_id);
  const named = new Map([...counted].map(([account, rows]) => [account, rows.slice(0, namedMax)]));
  const ids = [...named.values()].flat().map(({ distribution_id: id }) => id);
  const domains = await findDomains(reads, ids);
  return new Map(
    [...named].map(([account, rows]) => {
      const figures: DistributionFigures[] = rows.map((row) => ({
        ...{ distribution_id: row.distribution_id, domain: domains.get(row.distribution_id) ?? null },
        ...rounded(row),
      }));
      const all = counted.get(account) ?? [];
      const others = all.slice(namedMax).reduce(added, noSums);
      if (all.length > namedMax) figures.push({ distribution_id: null, domain: null, ...rounded(others) });
      return [account, { figures, total: rows.reduce(added, others) }];
    }),
  );
}

function grouped<Row>(rows: readonly Row[], keyOf: (row: Row) => string): ReadonlyMap<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}

type ExactDay = ExactSums & { readonly date: string };

/** Every day of the period: what had no traffic is zero. */
function filled(days: readonly ExactDay[], period: Period): readonly ExactDay[] {
  const known = new Map(days.map((day) => [day.date, day]));
  return daysOf(period).map((date) => known.get(date) ?? { date, ...noSums });
}

function byRegion(
  edges: readonly { readonly edge_id: string; readonly bytes: bigint }[],
  regions: ReadonlyMap<string, Region>,
): Figures["bytes_by_region"] {
  const bytes = new Map<Region, bigint>();
  for (const edge of edges) {
    const region = regions.get(edge.edge_id) ?? "other";
    bytes.set(region, (bytes.get(region) ?? 0n) + edge.bytes);
  }
  return Object.fromEntries([...bytes].map(([region, exact]) => [region, Number(exact)]));
}
