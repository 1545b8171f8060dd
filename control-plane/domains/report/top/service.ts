// Which values occur most in what the edges served, each account its own.
import { askClickHouse, type ClickHouse } from "../../../database/clickhouse.ts";
import type { Caller } from "../../../http/caller.ts";
import { invalidRequest } from "../../../http/problems.ts";
import type { DistributionService } from "../../distribution/index.ts";
import type { TopQuery } from "./schema.ts";
import { type Period, periodFaults, periodOf, type TopRequest } from "./top.ts";
import { type FoundTop, findTop } from "./top-store.ts";

export type TopService = ReturnType<typeof createTopService>;

export interface TopReport extends TopRequest, FoundTop {}

export function createTopService({
  clickhouse,
  distributions,
  clock,
}: {
  clickhouse: ClickHouse;
  distributions: Pick<DistributionService, "get">;
  clock: () => Date;
}) {
  function assertedPeriod(query: Parameters<typeof periodOf>[0]): Period {
    const period = periodOf(query, clock());
    const faults = periodFaults(period);
    if (faults.length > 0) throw invalidRequest(faults);
    return period;
  }

  return {
    async top(caller: Caller, query: TopQuery, signal: AbortSignal): Promise<TopReport> {
      const request = { ...assertedPeriod(query), by: query.by, orderBy: query.order_by, limit: query.limit };
      if (query.distribution_id !== undefined) await distributions.get(caller, query.distribution_id);
      const scope = { accountId: caller.accountId, distributionId: query.distribution_id };
      return { ...request, ...(await askClickHouse(() => findTop(clickhouse, scope, request, signal))) };
    },
  };
}
