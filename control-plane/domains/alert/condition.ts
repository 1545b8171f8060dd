// What an alert waits for: one of four kinds of conditions, as customers write it and as it is kept.
import { z } from "zod";
import type { FieldFault } from "../../../platform/problem.ts";
import { metrics } from "../report/index.ts";
import { isShare } from "./metrics.ts";

const WINDOWS = [5, 10, 15, 30, 60, 180, 360, 720, 1440] as const;
export const DAYS_MAX = 90;
const VALUE_MAX = 1e18;
const REQUESTS_MIN_DEFAULT = 100;

const metric = z.enum(metrics, { error: `must be one of ${metrics.join(", ")}.` }).meta({
  description: "As in GET /reports/traffic: shares and ratios from 0 to 1, bandwidth in bits per second, times in ms.",
});

const amount = z
  .number()
  .min(0, { error: "must be 0 or more." })
  .max(VALUE_MAX, { error: `must be ${VALUE_MAX} at most.` });

const share = z
  .number()
  .min(0, { error: "must be 0 or more." })
  .max(100, { error: "must be 100 at most: it is in percent." });

const window = z
  .literal(WINDOWS, { error: `must be one of ${WINDOWS.join(", ")}.` })
  .meta({ description: "What is judged: that many minutes, up to one to two minutes ago." });

const requestsMin = z
  .int()
  .min(0, { error: "must be 0 or more." })
  .max(1_000_000_000, { error: "must be 1000000000 at most." })
  .meta({ description: "With fewer requests there is nothing to judge: the condition does not hold." });

const recovery = "Raised, it is clear again only from here on. Null: as soon as the condition does not hold.";

const direction = z.enum(["above", "below"], { error: "must be above or below." });
const dropMetric = z.enum(["requests", "bytes"], { error: "must be requests or bytes." });
const days = z
  .int()
  .min(1, { error: "must be 1 or more." })
  .max(DAYS_MAX, { error: `must be ${DAYS_MAX} at most.` })
  .meta({ description: "Of automatic certificates those alone that were not renewed in time." });

/** `kept`: as it lies in the table, with everything in it. */
const shapes = {
  threshold: { type: z.literal("threshold"), metric, direction, value: amount },
  drop: { type: z.literal("drop"), metric: dropMetric, percent: share.min(1, { error: "must be 1 or more." }) },
  error_rate: { type: z.literal("error_rate"), percent: share },
  certificate_expiry: { type: z.literal("certificate_expiry"), days },
};

const kinds = ["threshold", "drop", "error_rate", "certificate_expiry"] as const;

export const conditionInput = z
  .discriminatedUnion(
    "type",
    [
      z.strictObject({
        ...shapes.threshold,
        recovery_value: amount.nullable().default(null).meta({ description: recovery }),
        window_minutes: window.default(5),
        requests_min: requestsMin.default(0),
      }),
      z.strictObject({
        ...shapes.drop,
        recovery_percent: share.nullable().default(null).meta({ description: recovery }),
        requests_min: requestsMin
          .default(REQUESTS_MIN_DEFAULT)
          .meta({ description: "With fewer requests in that hour of last week there is nothing to judge." }),
      }),
      z.strictObject({
        ...shapes.error_rate,
        recovery_percent: share.nullable().default(null).meta({ description: recovery }),
        window_minutes: window.default(5),
        requests_min: requestsMin.default(REQUESTS_MIN_DEFAULT),
      }),
      z.strictObject(shapes.certificate_expiry),
    ],
    { error: `must be ${kinds.slice(0, -1).join(", ")} or ${kinds.at(-1)}.` },
  )
  .meta({
    id: "AlertCondition",
    description: [
      "`threshold`: a metric is above or below a value. `drop`: the last 60 minutes have so many percent less than the same",
      "of last week. `error_rate`: so many percent of the requests are answered 5xx. `certificate_expiry`: so many days before it.",
    ].join(" "),
    examples: [{ type: "error_rate", percent: 5, recovery_percent: 2, window_minutes: 5, requests_min: 100 }],
  });

export const conditionKept = z
  .discriminatedUnion("type", [
    z.object({
      ...shapes.threshold,
      recovery_value: amount.nullable(),
      window_minutes: window,
      requests_min: requestsMin,
    }),
    z.object({ ...shapes.drop, recovery_percent: share.nullable(), requests_min: requestsMin }),
    z.object({
      ...shapes.error_rate,
      recovery_percent: share.nullable(),
      window_minutes: window,
      requests_min: requestsMin,
    }),
    z.object(shapes.certificate_expiry),
  ])
  .meta({
    id: "KeptAlertCondition",
    examples: [{ type: "error_rate", percent: 5, recovery_percent: 2, window_minutes: 5, requests_min: 100 }],
  });
export type Condition = z.output<typeof conditionKept>;
export type ConditionOf<Type extends Condition["type"]> = Extract<Condition, { type: Type }>;

/** What no single field shows. */
export function conditionFaults(condition: Condition): readonly FieldFault[] {
  switch (condition.type) {
    case "threshold":
      return thresholdFaults(condition);
    case "drop":
    case "error_rate":
      return percentFaults(condition);
    case "certificate_expiry":
      return [];
  }
}

function thresholdFaults({
  metric,
  direction,
  value,
  recovery_value: recovery,
}: ConditionOf<"threshold">): FieldFault[] {
  const faults: FieldFault[] = [];
  if (isShare(metric)) {
    const detail = `must be 1 at most: ${metric} is a share, from 0 to 1.`;
    if (value > 1) faults.push({ pointer: "/condition/value", detail });
    if (recovery !== null && recovery > 1) faults.push({ pointer: "/condition/recovery_value", detail });
  }
  if (direction === "below" && value === 0) {
    faults.push({ pointer: "/condition/value", detail: "must be more than 0: nothing is below that." });
  }
  if (recovery === null) return faults;
  const isBeyond = direction === "above" ? recovery <= value : recovery >= value;
  const side = direction === "above" ? `${value} at most` : `${value} or more`;
  if (!isBeyond)
    faults.push({ pointer: "/condition/recovery_value", detail: `must be ${side}, since it lies on the other side.` });
  return faults;
}

function percentFaults({ percent, recovery_percent: recovery }: ConditionOf<"drop" | "error_rate">): FieldFault[] {
  if (recovery === null || recovery <= percent) return [];
  return [
    { pointer: "/condition/recovery_percent", detail: `must be ${percent} at most, since it lies on the other side.` },
  ];
}
