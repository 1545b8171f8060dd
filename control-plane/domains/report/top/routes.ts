// The most of something, and what fails, as JSON and CSV.
import type { z } from "zod";
import { csvOf } from "../../../http/csv.ts";
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { unknownDistribution } from "../../distribution/index.ts";
import { reportTooLarge } from "../problems.ts";
import { errorsQuery, errorsReply, topQuery, topReply } from "./schema.ts";
import type { ErrorReport, TopReport, TopService } from "./service.ts";
import { shareOf } from "./top.ts";

const CSV = "text/csv";
const common = {
  method: "GET",
  tag: "Reports",
  access: { kind: "account", role: "viewer", scope: "reports:read" },
  problems: [unknownDistribution, reportTooLarge],
} as const;

export function topRoutes({ tops }: { tops: TopService }): Route[] {
  return [
    defineRoute({
      ...common,
      path: "/reports/top",
      operationId: "getTop",
      summary: "What occurs most: URLs, referrers, countries, user agents, errors and more",
      query: topQuery,
      reply: { status: 200, body: topReply, also: [CSV] },
      async handle({ query, caller, facts }) {
        const body = topToReply(await tops.top(caller, query, facts.signal));
        if (facts.accepted !== CSV) return { body };
        return { written: { type: CSV, text: csvOf(["value", "requests", "bytes", "share"], body.data) } };
      },
    }),
    defineRoute({
      ...common,
      path: "/reports/errors",
      operationId: "getErrors",
      summary: "What fails, and who made the answer: the origin, the way to it, or a setting at the edge",
      query: errorsQuery,
      reply: { status: 200, body: errorsReply, also: [CSV] },
      async handle({ query, caller, facts }) {
        const body = errorsToReply(await tops.errors(caller, query, facts.signal));
        if (facts.accepted !== CSV) return { body };
        const rows = body.data.map((entry) => ({ ...entry, request_ids: entry.request_ids.join(" ") }));
        return { written: { type: CSV, text: csvOf(ERROR_COLUMNS, rows) } };
      },
    }),
  ];
}

function topToReply({ from, to, by, orderBy, total, missingMax, entries }: TopReport): z.input<typeof topReply> {
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    by,
    order_by: orderBy,
    total,
    missing_requests_max: missingMax,
    data: entries.map((entry) => ({ ...entry, share: shareOf(entry[orderBy], total[orderBy]) })),
  };
}

const ERROR_COLUMNS = [
  "status",
  "url",
  "distribution_id",
  "cache_status",
  "made_by",
  "requests",
  "first_seen",
  "last_seen",
  "request_ids",
] as const;

function errorsToReply({ from, to, entries }: ErrorReport): z.input<typeof errorsReply> {
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    data: entries.map((entry) => ({
      ...{ status: entry.status, url: entry.url, distribution_id: entry.distributionId },
      ...{ cache_status: entry.cacheStatus, made_by: entry.madeBy, requests: entry.requests },
      ...{ first_seen: entry.firstSeen.toISOString(), last_seen: entry.lastSeen.toISOString() },
      request_ids: [...entry.requestIds],
    })),
  };
}
