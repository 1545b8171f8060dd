// Reports on what the edges served, each account its own.
import { askClickHouse, type ClickHouse } from "../../../database/clickhouse.ts";
import type { Caller } from "../../../http/caller.ts";
import { invalidRequest } from "../../../http/problems.ts";
import type { DistributionService } from "../../distribution/index.ts";
import type { TrafficQuery } from "./schema.ts";
import {
  fillGaps,
  groupsOf,
  periodFaults,
  periodOf,
  pointsOf,
  ROWS_MAX,
  type TrafficPoint,
  type TrafficRequest,
} from "./traffic.ts";
import { findTraffic } from "./traffic-store.ts";

export type ReportService = ReturnType<typeof createReportService>;

export interface TrafficReport extends TrafficRequest {
  readonly points: readonly TrafficPoint[];
}

export function createReportService({
  clickhouse,
  distributions,
  clock,
}: {
  clickhouse: ClickHouse;
  distributions: Pick<DistributionService, "get">;
  clock: () => Date;
}) {
  async function traffic(caller: Caller, query: TrafficQuery, signal: AbortSignal): Promise<TrafficReport> {
    const request: TrafficRequest = {
      ...periodOf(query, clock()),
      interval: query.interval,
      metrics: query.metrics,
      groupBy: query.group_by,
    };
    const faults = periodFaults(request);
    if (faults.length > 0) throw invalidRequest(faults);
    if (query.distribution_id !== undefined) await distributions.get(caller, query.distribution_id);

    const scope = { accountId: caller.accountId, distributionId: query.distribution_id };
    const asked = { ...request, rowsMax: ROWS_MAX + 1 };
    const found = await askClickHouse(() => findTraffic(clickhouse, scope, asked, signal));
    assertRowsInLimit(found, request);
    return { ...request, points: fillGaps(found, request) };
  }

  return { traffic };
}

function assertRowsInLimit(found: readonly TrafficPoint[], request: TrafficRequest): void {
  const rows = Math.max(found.length, groupsOf(found).length * pointsOf(request).length);
  if (rows <= ROWS_MAX) return;
  const detail = `gives more than ${ROWS_MAX} rows: ask for a longer interval, a shorter period or one distribution.`;
  throw invalidRequest([{ pointer: "?group_by", detail }]);
}
