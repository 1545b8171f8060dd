// Traffic reports go out to accounts, and to operators those of all: as JSON and as CSV.
import type { z } from "zod";
import { csvOf } from "../../../http/csv.ts";
import { defineRoute, JSON_TYPE, type Reply, type Route } from "../../../http/define-route.ts";
import { unknownDistribution } from "../../distribution/index.ts";
import { captionOf, distributionsIn, type Shown } from "../chart/caption.ts";
import { assertDrawable, SHOWN_GROUPS_MAX } from "../chart/panels.ts";
import { reportTooLarge } from "../problems.ts";
import { platformTrafficQuery, trafficQuery, trafficReply } from "./schema.ts";
import type { ReportService } from "./service.ts";
import type { TrafficReport } from "./traffic.ts";

const CSV = "text/csv";
const SVG = "image/svg+xml";
const also = [CSV, SVG];
/** Whoever looks again at once sees the same; what differs by who asks is not mixed up. */
const HEADERS = { "cache-control": "private, max-age=10", vary: "Authorization, X-Account-Id" };

export function trafficRoutes(reports: ReportService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/reports/traffic",
      operationId: "getTraffic",
      tag: "Reports",
      summary: "Traffic over time: requests, bytes, hit ratio, statuses, times to first byte, visitors",
      access: { kind: "account", role: "viewer", scope: "reports:read" },
      query: trafficQuery,
      reply: { status: 200, body: trafficReply, also },
      problems: [unknownDistribution, reportTooLarge],
      async handle({ query, caller, facts }) {
        const type = typeOf(query, facts);
        if (type !== SVG) return replyOf(await reports.traffic(caller, query, facts.signal), type);
        const report = await reports.traffic(caller, drawable(query), facts.signal);
        const ids = query.distribution_id;
        const domains = await reports.domainsOf(caller, distributionsIn(report, ids));
        return pictureOf({ report, ids, domains, things: "distributions" });
      },
    }),
    defineRoute({
      method: "GET",
      path: "/platform/reports/traffic",
      operationId: "getPlatformTraffic",
      tag: "Reports",
      summary: "Traffic over time of all accounts, or of some",
      access: { kind: "operator", scope: "platform:read" },
      query: platformTrafficQuery,
      reply: { status: 200, body: trafficReply, also },
      problems: [reportTooLarge],
      async handle({ query, facts }) {
        const type = typeOf(query, facts);
        if (type !== SVG) return replyOf(await reports.platformTraffic(query, facts.signal), type);
        const report = await reports.platformTraffic(drawable(query), facts.signal);
        return pictureOf({ report, ids: query.account_id, domains: new Map(), things: "accounts" });
      },
    }),
  ];
}

const TYPES = { json: JSON_TYPE, csv: CSV, svg: SVG };

function typeOf({ format }: { format?: keyof typeof TYPES | undefined }, facts: { accepted: string }): string {
  return format === undefined ? facts.accepted : TYPES[format];
}

/** Of no more groups than people can tell apart. */
function drawable<Query extends { readonly limit: number }>(query: Query): Query {
  return { ...query, limit: Math.min(query.limit, SHOWN_GROUPS_MAX) };
}

/** A picture that is opened for itself has styles of its own; no script runs in it. */
const PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";

async function pictureOf(shown: Shown): Promise<Reply<TrafficReply>> {
  // The library takes a third of a second and 40 MB: only where somebody wants a picture.
  assertDrawable(shown.report);
  const { svgOf } = await import("../chart/svg.ts");
  const text = svgOf(shown.report, captionOf(shown));
  return { headers: { ...HEADERS, "content-security-policy": PICTURE_POLICY }, written: { type: SVG, text } };
}

type TrafficReply = z.input<typeof trafficReply>;

function replyOf(report: TrafficReport, type: string): Reply<TrafficReply> {
  if (type !== CSV) return { headers: HEADERS, body: trafficToReply(report) };
  const columns = ["time", ...(report.group === undefined ? [] : [report.group]), ...report.metrics];
  const name = `traffic-${report.period.from.toISOString().slice(0, 10)}.csv`;
  return {
    headers: { ...HEADERS, "content-disposition": `attachment; filename="${name}"` },
    written: { type: CSV, text: csvOf(columns, trafficToReply(report).data) },
  };
}

function trafficToReply({
  period,
  interval,
  timezone,
  group,
  points,
  groups,
  total,
  lostLines,
}: TrafficReport): TrafficReply {
  const named = (name: string | undefined) => (group === undefined ? {} : { [group]: name });
  return {
    from: period.from.toISOString(),
    to: period.to.toISOString(),
    interval,
    timezone,
    data: points.map((point) => ({ time: point.time.toISOString(), ...named(point.group), ...point.values })),
    ...(group === undefined ? {} : { groups: groups.map((row) => ({ ...named(row.group), ...row.values })) }),
    total,
    ...(lostLines === 0 ? {} : { lost_lines: lostLines }),
  };
}
