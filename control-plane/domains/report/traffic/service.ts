// Reports on what the edges served: each account its own, operators all.
import { Problem } from "../../../../platform/problem.ts";
import type { Caller } from "../../../http/caller.ts";
import { invalidRequest } from "../../../http/problems.ts";
import { type DistributionService, unknownDistribution } from "../../distribution/index.ts";
import { countTraffic } from "./count-traffic.ts";
import { ingredientsOf } from "./metrics.ts";
import type { ReportQueries } from "./report-queries.ts";
import { filterOf, type PlatformTrafficQuery, type TrafficQuery } from "./schema.ts";
import type { Scope } from "./sql.ts";
import { groupsThatFit, periodFaults, periodOf, reportOf, type TrafficReport, type TrafficRequest } from "./traffic.ts";
import { type Period, startsOf } from "./zone.ts";

export type ReportService = ReturnType<typeof createReportService>;

/** Who asks for all accounts takes turns apart from them. */
const OPERATORS = "operators";

export function createReportService({
  queries,
  distributions,
  lostLines,
  clock,
}: {
  queries: ReportQueries;
  distributions: Pick<DistributionService, "get">;
  /** How many lines edges lost in the period that may have been of the scope. */
  lostLines: (period: Period, scope: Scope) => Promise<number>;
  clock: () => Date;
}) {
  async function traffic(caller: Caller, query: TrafficQuery, signal: AbortSignal): Promise<TrafficReport> {
    const request = requestOf(query, clock());
    for (const id of query.distribution_id ?? []) await distributions.get(caller, id);
    const { accountId } = caller;
    return report(
      request,
      { accountIds: [accountId], distributionIds: query.distribution_id ?? "all" },
      accountId,
      signal,
    );
  }

  /** What people call them, as far as they are the caller's. */
  async function domainsOf(caller: Caller, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = await Promise.all(
      ids.map(async (id) => {
        try {
          return [[id, (await distributions.get(caller, id)).record.domain]] as const;
        } catch (error) {
          if (error instanceof Problem && error.kind === unknownDistribution) return [];
          throw error;
        }
      }),
    );
    return new Map(found.flat());
  }

  async function platformTraffic(query: PlatformTrafficQuery, signal: AbortSignal): Promise<TrafficReport> {
    const scope = { accountIds: query.account_id ?? "all", distributionIds: query.distribution_id ?? "all" } as const;
    return report(requestOf(query, clock()), scope, OPERATORS, signal);
  }

  async function report(
    request: TrafficRequest,
    scope: Scope,
    accountId: string,
    signal: AbortSignal,
  ): Promise<TrafficReport> {
    const now = clock();
    const { period, filter, group } = request;
    const starts = startsOf(period, request.interval, request.timezone);
    const groupsMax = groupsThatFit(request.groupsMax, starts.length);
    const ingredients = ingredientsOf(request.metrics);
    const asked = { scope, filter, group, period, starts, ingredients, groupsMax };
    const told = await countTraffic(asked, { queries, accountId, now, signal });
    return { ...reportOf(request, told, now), lostLines: await lostLines(period, scope) };
  }

  return { traffic, domainsOf, platformTraffic };
}

function requestOf(query: TrafficQuery, now: Date): TrafficRequest {
  const period = periodOf(query, now);
  const faults = periodFaults(period, query.interval);
  if (faults.length > 0) throw invalidRequest(faults);
  return {
    period,
    interval: query.interval,
    timezone: query.timezone,
    metrics: query.metrics,
    filter: filterOf(query),
    group: query.group_by,
    groupsMax: query.limit,
  };
}
