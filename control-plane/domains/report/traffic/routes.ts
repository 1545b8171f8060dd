// Traffic reports go out to accounts.
import type { z } from "zod";
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { unknownDistribution } from "../../distribution/index.ts";
import { trafficQuery, trafficReply } from "./schema.ts";
import type { ReportService, TrafficReport } from "./service.ts";

export function trafficRoutes(reports: ReportService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/reports/traffic",
      operationId: "getTraffic",
      tag: "Reports",
      summary: "Traffic over time: requests, bytes, hit ratio",
      access: { kind: "account", role: "viewer", scope: "reports:read" },
      query: trafficQuery,
      reply: { status: 200, body: trafficReply },
      problems: [unknownDistribution],
      async handle({ query, caller, facts }) {
        return { body: trafficToReply(await reports.traffic(caller, query, facts.signal)) };
      },
    }),
  ];
}

function trafficToReply(report: TrafficReport): z.input<typeof trafficReply> {
  return {
    from: report.from.toISOString(),
    to: report.to.toISOString(),
    interval: report.interval,
    data: report.points.map(({ time, group, values }) => ({
      time: time.toISOString(),
      ...(report.groupBy === undefined ? {} : { [report.groupBy]: group }),
      ...values,
    })),
  };
}
