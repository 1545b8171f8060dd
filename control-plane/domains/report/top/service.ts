// Which values occur most in what the edges served, each account its own.
import type { FieldFault } from "../../../../platform/problem.ts";
import type { Caller } from "../../../http/caller.ts";
import { invalidRequest } from "../../../http/problems.ts";
import type { DistributionService } from "../../distribution/index.ts";
import { LINES_KEPT_DAYS } from "../counted/tables.ts";
import { type Asked, countTraffic, type Told } from "../traffic/count-traffic.ts";
import type { Group } from "../traffic/dimensions.ts";
import type { Counted } from "../traffic/metrics.ts";
import type { ReportQueries } from "../traffic/report-queries.ts";
import type { Period } from "../traffic/zone.ts";
import { type DaysAndRests, keptFaults, splitByDays } from "./days.ts";
import { type FailingThing, findErrors } from "./errors-store.ts";
import type { ErrorsQuery, TopQuery } from "./schema.ts";
import {
  groupSubjects,
  isListed,
  type ListedSubject,
  mostOf,
  periodFaults,
  periodOf,
  type Sums,
  type TopEntry,
  type TopRequest,
  type TrafficScope,
} from "./top.ts";
import { findList, MISSING_PART, needsCandidates } from "./top-store.ts";

export type TopService = ReturnType<typeof createTopService>;

export interface TopReport extends TopRequest {
  readonly entries: readonly TopEntry[];
  readonly total: Sums;
  /** 0: every value was counted. Else a value that is missing has at most so many requests more than the last of the list. */
  readonly missingMax: number;
}

export interface ErrorReport extends Period {
  readonly entries: readonly FailingThing[];
}

export function createTopService({
  queries,
  distributions,
  clock,
}: {
  queries: ReportQueries;
  distributions: Pick<DistributionService, "get">;
  clock: () => Date;
}) {
  async function scopeOf(caller: Caller, distributionId: string | undefined): Promise<TrafficScope> {
    if (distributionId !== undefined) await distributions.get(caller, distributionId);
    return { accountId: caller.accountId, distributionId };
  }

  async function countBy(
    group: Group,
    { accountId, distributionId }: TrafficScope,
    period: Period,
    settings: { isOfOwnEdges: boolean; signal: AbortSignal },
  ): Promise<Told> {
    const { isOfOwnEdges, signal } = settings;
    const asked: Asked = {
      ...{ group, period, starts: [period.from], filter: {}, isOfOwnEdges },
      scope: { accountIds: [accountId], distributionIds: distributionId === undefined ? "all" : [distributionId] },
      ingredients: ["requests", "bytes_out"],
      groupsMax: "all",
    };
    return countTraffic(asked, { queries, accountId, now: clock(), signal });
  }

  async function listed(what: ListedSubject, request: TopRequest, scope: TrafficScope, signal: AbortSignal) {
    const split = splitOf(what, request);
    const question = { scope, what, split, orderBy: request.orderBy, limit: request.limit };
    const [found, told] = await Promise.all([
      findList(queries, question, signal),
      // Providers tell neither URLs nor who came.
      countBy("status", scope, request, { isOfOwnEdges: true, signal }),
    ]);
    const total = what === "error" ? sumOf(told, isError) : sumOf(told);
    return {
      entries: mostOf([...found.entries, ...withoutName(what, total, found.named)], request),
      total,
      missingMax: needsCandidates(question) ? Math.ceil(total.requests * MISSING_PART) : 0,
    };
  }

  function splitOf(what: ListedSubject, request: TopRequest): DaysAndRests {
    // No list of a day names hosts.
    if (what === "host") {
      assertNone(periodFaults(request, LINES_KEPT_DAYS));
      return { days: undefined, rests: [request] };
    }
    const split = splitByDays(request, clock());
    assertNone(keptFaults(split, clock()));
    return split;
  }

  return {
    async top(caller: Caller, query: TopQuery, signal: AbortSignal): Promise<TopReport> {
      const { by, order_by: orderBy, limit } = query;
      const request = { ...periodOf(query, clock()), by, orderBy, limit };
      assertNone(periodFaults(request));
      const scope = await scopeOf(caller, query.distribution_id);
      if (isListed(by)) return { ...request, ...(await listed(by, request, scope, signal)) };
      const told = await countBy(groupSubjects[by], scope, request, { isOfOwnEdges: false, signal });
      const entries = [...told.groups].map(([value, counted]) => ({ value, ...sumsIn(counted) }));
      return { ...request, entries: mostOf(entries, request), total: sumOf(told), missingMax: 0 };
    },

    async errors(caller: Caller, query: ErrorsQuery, signal: AbortSignal): Promise<ErrorReport> {
      const period = periodOf(query, clock());
      assertNone(periodFaults(period, LINES_KEPT_DAYS));
      const scope = await scopeOf(caller, query.distribution_id);
      const question = { ...period, scope, status: query.status, limit: query.limit };
      return { ...period, entries: await findErrors(queries, question, signal) };
    },
  };
}

function assertNone(faults: readonly FieldFault[]): void {
  if (faults.length > 0) throw invalidRequest(faults);
}

function isError(status: string): boolean {
  return Number(status) >= 400;
}

function sumOf({ groups }: Told, isCounted: (group: string) => boolean = () => true): Sums {
  const sums = [...groups].filter(([group]) => isCounted(group)).map(([, counted]) => sumsIn(counted));
  return {
    requests: sums.reduce((sum, { requests }) => sum + requests, 0),
    bytes: sums.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function sumsIn(counted: Counted): Sums {
  return { requests: counted.get("requests") ?? 0, bytes: counted.get("bytes_out") ?? 0 };
}

/** The lists do not keep the requests that sent no referrer, or no user agent: they are what is left. */
function withoutName(what: ListedSubject, total: Sums, named: Sums | undefined): readonly TopEntry[] {
  if (named === undefined || (what !== "referrer" && what !== "user_agent")) return [];
  const requests = total.requests - named.requests;
  return requests > 0 ? [{ value: "", requests, bytes: Math.max(total.bytes - named.bytes, 0) }] : [];
}
