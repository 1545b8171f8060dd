// Traffic as it happens, as server-sent events.
import { z } from "zod";
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { givenId } from "../../../http/given-id.ts";
import { unknownDistribution } from "../../distribution/index.ts";
import { noStreamsLeft, tooManyStreams } from "./places.ts";
import type { LiveService } from "./service.ts";

const SECONDS_MAX = 3_600;

const liveQuery = z.object({
  distribution_id: givenId.optional().meta({ description: "Default: all of the account's." }),
  seconds: z
    .string()
    .regex(/^\d{1,4}$/, { error: "must be a number of seconds." })
    .transform(Number)
    .pipe(z.int().max(SECONDS_MAX))
    .optional()
    .meta({
      description: `When the stream ends, at most ${SECONDS_MAX}; 0: after the first event. Default: when you go away.`,
    }),
});

// nginx would gather an answer before it passes it on.
const HEADERS = { "cache-control": "no-store, no-transform", "x-accel-buffering": "no" };

export function liveRoutes({ live }: { live: LiveService }): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/reports/realtime",
      operationId: "watchTraffic",
      tag: "Reports",
      summary: "Traffic second by second as server-sent events: the last minute at once, then what is new",
      access: { kind: "account", role: "viewer", scope: "reports:read" },
      query: liveQuery,
      reply: { status: 200, raw: "text/event-stream" },
      problems: [unknownDistribution, tooManyStreams, noStreamsLeft],
      async handle({ query, caller, facts }) {
        const stream = await live.watch(caller, {
          distributionId: query.distribution_id,
          seconds: query.seconds,
          lastEventId: facts.header("last-event-id"),
          recheck: () => facts.recheck(),
          signal: facts.signal,
        });
        return { headers: HEADERS, body: stream };
      },
    }),
  ];
}
