// TM Swift, which is SwiftFederation (https://cdn-api.swiftfederation.com): statistics of domains, and a look at whether its
// key is good. It has one report for each metric; what makes one row of ours takes four of them.
import { randomInt } from "node:crypto";
import { z } from "zod";
import type { Ask } from "../request.ts";
import { addUp, checkedAnswer, type Told } from "../rules.ts";
import type { TmSwiftCredentials, TmSwiftSettings } from "../settings.ts";
import type { Asked, ProviderApi, Sums } from "../statistics.ts";
import { signedHeaders } from "./signature.ts";

const HOUR_MS = 60 * 60 * 1000;
const NONCE_MAX = 2 ** 47;

const timestamp = z.iso.datetime();
const count = z.number().min(0).nullable();
const value = z.object({ timestamp, value: count });
const domains = z.array(z.looseObject({ domain: z.string() }));

type Read = (answer: unknown) => readonly Told[];

/** Its four reports: where each is, what it takes beside domains and a period, and what it says. */
const reports: readonly {
  readonly path: Exclude<keyof TmSwiftSettings["paths"], "check">;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly read: Read;
}[] = [
  {
    path: "volume",
    more: { fillFixedTime: true, interval: "minute" },
    read: readOf("volumes", value, (row) => ({ bytesOut: row.value ?? 0 })),
  },
  { path: "hit_volume", read: readOf("hitVolumes", value, (row) => ({ hitBytes: row.value ?? 0 })) },
  {
    path: "hit_requests",
    read: readOf("hitReqNumbers", z.object({ timestamp, request: count, hit: count }), ({ request, hit }) => ({
      requests: request ?? 0,
      hits: hit ?? 0,
    })),
  },
  {
    // What the origin answered, by its codes: each was a request to it.
    path: "origin_codes",
    read: readOf(
      "httpCodes",
      z.object({ timestamp, httpCodeValues: z.record(z.string(), count) }),
      ({ httpCodeValues }) => ({
        originRequests: Object.values(httpCodeValues).reduce<number>((sum, requests) => sum + (requests ?? 0), 0),
      }),
    ),
  },
];

export function createTmSwift({
  settings,
  credentials,
  ask,
  clock,
}: {
  settings: TmSwiftSettings;
  credentials: TmSwiftCredentials;
  ask: Ask;
  clock: () => Date;
}): ProviderApi {
  function send(method: "GET" | "POST", base: string, path: string, body: unknown, signal: AbortSignal) {
    const url = new URL(`${base}${path}`);
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = () => {
      const nonce = String(randomInt(10_000, NONCE_MAX));
      const signed = signedHeaders({ method, path: url.pathname, body: text, now: clock(), nonce }, credentials);
      return body === undefined ? signed : { ...signed, ...headersOf(text) };
    };
    return ask({ method, url, headers, ...(body === undefined ? {} : { body: text }) }, signal);
  }

  async function statistics(asked: Asked, signal: AbortSignal) {
    const period = { domains: asked.resources, startTime: wholeSeconds(asked.from), endTime: wholeSeconds(asked.to) };
    const told: Told[] = [];
    for (const { path, more, read } of reports) {
      const answer = await send("POST", settings.delivery_url, settings.paths[path], { ...period, ...more }, signal);
      told.push(...read(answer));
    }
    return addUp(told, asked);
  }

  async function check(signal: AbortSignal): Promise<void> {
    const path = settings.paths.check.replace("{customer_id}", encodeURIComponent(settings.customer_id));
    await send("GET", settings.base_url, path, undefined, signal);
  }

  return { resourcesMax: 50, periodMaxMs: 24 * HOUR_MS, statistics, check };
}

/** `{code, message}`. */
export function tmSwiftRefusal(body: unknown): string | undefined {
  const said = z.object({ code: z.string().optional(), message: z.string().optional() }).safeParse(body).data;
  const words = [said?.code, said?.message].filter((text) => text !== undefined);
  return words.length === 0 ? undefined : words.join(": ");
}

function headersOf(body: string): Record<string, string> {
  return { "content-type": "application/json; charset=utf-8", "content-length": String(Buffer.byteLength(body)) };
}

function wholeSeconds(at: Date): string {
  return at.toISOString().replace(/\.\d{3}Z$/, "Z");
}

function readOf<Row extends { readonly timestamp: string }>(
  list: string,
  row: z.ZodType<Row>,
  sumsOf: (row: Row) => Partial<Sums>,
): Read {
  return (answer) =>
    checkedAnswer("TM Swift", domains, answer).flatMap((item) => {
      const rows = checkedAnswer("TM Swift", z.array(row), withTrimmedNames(item)[list]);
      return rows.map((point) => ({
        resource: item.domain.toLowerCase(),
        time: new Date(point.timestamp),
        sums: sumsOf(point),
      }));
    });
}

/** Its documents show names with a blank in front. */
function withTrimmedNames(item: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(item).map(([name, inner]) => [name.trim(), inner]));
}
