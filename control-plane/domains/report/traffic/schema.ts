// Reports as they are asked for and answered over HTTP.
import { z } from "zod";
import { givenId } from "../../../http/given-id.ts";
import { defaultMetrics, type TrafficMetric, trafficGroups, trafficIntervals, trafficMetrics } from "./traffic.ts";

const timeInput = z.iso.datetime({ offset: true, error: "must be a time such as 2026-05-01T00:00:00Z." });

export const trafficQuery = z.object({
  distribution_id: givenId.optional().meta({ description: "Default: all of the account's." }),
  from: timeInput
    .transform((text) => new Date(text))
    .optional()
    .meta({ description: "Inclusive. Default: 24 hours before `to`, at the beginning of an interval." }),
  to: timeInput
    .transform((text) => new Date(text))
    .optional()
    .meta({ description: "Exclusive. Default: now." }),
  interval: z.enum(trafficIntervals).default("hour").meta({ description: "In UTC." }),
  metrics: z
    .string()
    .default(defaultMetrics.join(","))
    .transform((names, context) => readMetrics(names, context))
    .meta({ description: `Separated by commas: ${trafficMetrics.join(", ")}.` }),
  group_by: z.enum(trafficGroups).optional(),
});
export type TrafficQuery = z.output<typeof trafficQuery>;

function readMetrics(names: string, context: z.RefinementCtx): readonly TrafficMetric[] {
  const wanted = names.split(",").map((name) => name.trim());
  const unknown = wanted.filter((name) => !isMetric(name));
  if (unknown.length > 0) {
    context.addIssue(`must be some of ${trafficMetrics.join(", ")}, separated by commas.`);
  }
  return trafficMetrics.filter((metric) => wanted.includes(metric));
}

function isMetric(name: string): boolean {
  return trafficMetrics.some((metric) => metric === name);
}

const count = z.int().min(0).optional();

export const trafficReply = z
  .object({
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    interval: z.enum(trafficIntervals),
    data: z.array(
      z.object({
        time: z.iso.datetime().meta({ description: "The beginning of the interval." }),
        distribution_id: z.string().optional(),
        edge_id: z.string().optional(),
        cache_status: z.string().optional(),
        status_class: z.string().optional(),
        protocol: z.string().optional(),
        requests: count,
        bytes: count.meta({ description: "Sent to viewers." }),
        bytes_in: count.meta({ description: "Received from viewers." }),
        hits: count,
        hit_ratio: z.number().min(0).max(1).optional().meta({ description: "0 where there were no requests." }),
        status_2xx: count,
        status_3xx: count,
        status_4xx: count,
        status_5xx: count,
      }),
    ),
  })
  .meta({
    id: "TrafficReport",
    examples: [
      {
        from: "2026-05-01T00:00:00.000Z",
        to: "2026-05-02T00:00:00.000Z",
        interval: "hour",
        data: [{ time: "2026-05-01T00:00:00.000Z", requests: 48210, bytes: 9120448312, hits: 45799, hit_ratio: 0.95 }],
      },
    ],
  });
