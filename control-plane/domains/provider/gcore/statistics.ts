// Gcore (https://api.gcore.com): statistics of CDN resources, and a look at whether its token is good.
import { z } from "zod";
import type { Ask } from "../request.ts";
import { addUp, checkedAnswer, type Told } from "../rules.ts";
import type { GcoreCredentials, GcoreSettings } from "../settings.ts";
import type { Asked, ProviderApi, Sums } from "../statistics.ts";

const HOUR_MS = 60 * 60 * 1000;

/** In which sums each of its metrics counts. How many requests an origin got it does not tell. */
const METRICS: Readonly<Record<string, (value: number) => Partial<Sums>>> = {
  requests: (requests) => ({ requests }),
  responses_hit: (hits) => ({ hits }),
  // It calls 1 - upstream_bytes / sent_bytes the share that came from its cache: the difference is what did.
  sent_bytes: (bytes) => ({ bytesOut: bytes, hitBytes: bytes }),
  upstream_bytes: (bytes) => ({ originBytes: bytes, hitBytes: -bytes }),
  responses_2xx: (count) => ({ byStatusClass: [0, count, 0, 0, 0] }),
  responses_3xx: (count) => ({ byStatusClass: [0, 0, count, 0, 0] }),
  responses_4xx: (count) => ({ byStatusClass: [0, 0, 0, count, 0] }),
  responses_5xx: (count) => ({ byStatusClass: [0, 0, 0, 0, count] }),
};

const point = z.tuple([z.int().min(0), z.number().min(0).nullable()]);
const answerSchema = z.object({
  resource: z.record(z.string(), z.object({ metrics: z.record(z.string(), z.array(point)) })).default({}),
});

export function createGcore({
  settings,
  credentials,
  ask,
}: {
  settings: GcoreSettings;
  credentials: GcoreCredentials;
  ask: Ask;
}): ProviderApi {
  const headers = () => ({ authorization: `APIKey ${credentials.api_token}` });
  const urlOf = (path: string) => new URL(`${settings.base_url}${path}`);

  async function statistics(asked: Asked, signal: AbortSignal) {
    const url = urlOf(settings.paths.statistics);
    for (const [name, value] of parametersOf(asked)) url.searchParams.append(name, value);
    const answer = await ask({ method: "GET", url, headers }, signal);
    return addUp(toldBy(checkedAnswer("Gcore", answerSchema, answer)), asked);
  }

  async function check(signal: AbortSignal): Promise<void> {
    const url = urlOf(settings.paths.check);
    url.searchParams.set("limit", "1");
    await ask({ method: "GET", url, headers }, signal);
  }

  return { resourcesMax: 50, periodMaxMs: 24 * HOUR_MS, statistics, check };
}

/** `{message}`, or `{errors: {field: [text, …]}}`. */
export function gcoreRefusal(body: unknown): string | undefined {
  const said = refusalSchema.safeParse(body).data;
  if (said?.errors === undefined) return said?.message;
  const faults = Object.entries(said.errors).map(([field, texts]) => `${field}: ${[texts].flat().join(", ")}`);
  return faults.join("; ");
}

const refusalSchema = z.object({
  message: z.string().optional(),
  errors: z.record(z.string(), z.union([z.string(), z.array(z.string())])).optional(),
});

function parametersOf({ resources, from, to }: Asked): readonly (readonly [string, string])[] {
  return [
    ["service", "CDN"],
    ["from", from.toISOString()],
    ["to", to.toISOString()],
    ["granularity", "5m"],
    ["group_by", "resource"],
    ...Object.keys(METRICS).map((metric) => ["metrics", metric] as const),
    ...resources.map((resource) => ["resource", resource] as const),
  ];
}

function toldBy({ resource: byResource }: z.output<typeof answerSchema>): readonly Told[] {
  return Object.entries(byResource).flatMap(([resource, { metrics }]) =>
    Object.entries(metrics).flatMap(([metric, points]) =>
      points.flatMap(([seconds, value]) => {
        const sums = value === null ? undefined : METRICS[metric]?.(value);
        return sums === undefined ? [] : [{ resource, time: new Date(seconds * 1000), sums }];
      }),
    ),
  );
}
