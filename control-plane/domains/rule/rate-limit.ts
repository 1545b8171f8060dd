// Rate limits: how often one viewer address may ask.
import { z } from "zod";
import type { DesiredRateLimit } from "../../../edge-templates/index.ts";
import { defineRuleKind, description, plainSchemas, storedPaths } from "./kind.ts";
import { pathPatterns } from "./path-pattern.ts";

const counts = {
  requests: z.int().min(1).max(1_000_000).meta({ description: "Of one viewer address, on one edge." }),
  per_seconds: z.int().min(1).max(3600).meta({ description: "The time that `requests` are counted in." }),
  burst: z.int().min(0).max(1_000_000).meta({ description: "So many more may come at once." }),
};
const fields = { paths: pathPatterns, ...counts, description };
const input = {
  ...fields,
  paths: fields.paths.default([]),
  burst: fields.burst.default(0),
  description: fields.description.default(""),
};

const body = z.object({ paths: storedPaths, ...counts, description: z.string() });

export const rateLimit = defineRuleKind({
  name: "rate_limit",
  path: "rate-limits",
  operation: "RateLimit",
  noun: "rate limit",
  about: "how often one viewer address may ask",
  countMax: 20,
  schemas: plainSchemas({ fields, input }, body),
  body,
  faultsOf: () => [],
  example: { paths: ["/login"], requests: 10, per_seconds: 60, burst: 5, description: "Guessing passwords" },
});

export function desiredRateLimit(stored: unknown): DesiredRateLimit {
  const { paths, requests, per_seconds: perSeconds, burst } = body.parse(stored);
  return { paths, requests, perSeconds, burst };
}
