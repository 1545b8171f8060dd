// Log lines come in from edges.
import { z } from "zod";
import {
  BATCH_ID_HEADER,
  BATCH_RETRY_HEADER,
  LOG_BATCH_BYTES_MAX,
  logSaltsReplySchema,
} from "../../../../agents/contract.ts";
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { invalidRequest } from "../../../http/problems.ts";
import type { AccessLogService } from "./access-log-service.ts";

export function logRoutes(accessLog: AccessLogService): Route[] {
  return [
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
        const sent = {
          id: batchIdOf(facts.header(BATCH_ID_HEADER)),
          edgeId: caller.edgeId,
          scope: caller.scope,
          isRetry: facts.header(BATCH_RETRY_HEADER) === "true",
          body: facts.rawBody ?? Buffer.alloc(0),
        };
        await accessLog.storeBatch(sent, facts.signal);
        return {};
      },
    }),
    defineRoute({
      method: "GET",
      path: "/edge/v1/log-salts",
      operationId: "readLogSalts",
      tag: "Edge protocol",
      summary: "What makes visitors nameless, by day, for edges that write to ClickHouse themselves",
      access: { kind: "edge" },
      query: logSaltsQuery,
      reply: { status: 200, body: logSaltsReply },
      async handle({ query }) {
        return { body: { salts: [...(await accessLog.listSalts(query.from))] } };
      },
    }),
  ];
}

const logSaltsQuery = z.strictObject({
  from: z.iso
    .date({ error: "must be a day, such as 2026-05-04." })
    .optional()
    .meta({ description: "The first day (UTC); default: yesterday. The last one is a week from now." }),
});
const logSaltsReply = logSaltsReplySchema.meta({
  id: "LogSalts",
  examples: [{ salts: [{ day: "2026-05-04", salt: "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=" }] }],
});

const batchIdSchema = z.string().regex(/^[0-9a-f]{64}$/);

function batchIdOf(header: string | undefined): string {
  const parsed = batchIdSchema.safeParse(header);
  if (parsed.success) return parsed.data;
  throw invalidRequest([{ pointer: BATCH_ID_HEADER, detail: "must be 64 hex digits." }]);
}
