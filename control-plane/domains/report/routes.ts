// Log lines come in from edges; reports go out to accounts.
import { z } from "zod";
import { BATCH_ID_HEADER, BATCH_RETRY_HEADER, LOG_BATCH_BYTES_MAX } from "../../../agents/contract.ts";
import { defineRoute, type Route } from "../../http/define-route.ts";
import { invalidRequest } from "../../http/problems.ts";
import { unknownDistribution } from "../distribution/index.ts";
import type { AccessLogService } from "./log/access-log-service.ts";
import { trafficQuery, trafficReply } from "./schema.ts";
import type { ReportService, TrafficReport } from "./service.ts";

export function reportRoutes({ reports, accessLog }: { reports: ReportService; accessLog: AccessLogService }): Route[] {
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
    defineRoute({
      method: "POST",
      path: "/edge/v1/logs",
      operationId: "sendLogs",
      tag: "Edge protocol",
      summary: "A batch of access-log lines, safe to send again",
      access: { kind: "edge" },
      body: { raw: "application/x-ndjson", bytesMax: LOG_BATCH_BYTES_MAX },
      reply: { status: 204, empty: true },
      async handle({ caller, facts }) {
        await accessLog.storeBatch({
          id: batchIdOf(facts.header(BATCH_ID_HEADER)),
          edgeId: caller.edgeId,
          scope: caller.scope,
          isRetry: facts.header(BATCH_RETRY_HEADER) === "true",
          body: facts.rawBody ?? Buffer.alloc(0),
        });
        return {};
      },
    }),
  ];
}

const batchIdSchema = z.string().regex(/^[0-9a-f]{64}$/);

function batchIdOf(header: string | undefined): string {
  const parsed = batchIdSchema.safeParse(header);
  if (parsed.success) return parsed.data;
  throw invalidRequest([{ pointer: BATCH_ID_HEADER, detail: "must be 64 hex digits." }]);
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
