// One access-log line as the edge's nginx writes it: the schema that says what a line is, and a reader by hand that gives
// the same verdicts at a tenth of the price. The edge's id is added by whoever makes a row of it.
import { z } from "zod";
import { parseJson } from "../apply/document.ts";

const UINT16_MAX = 2 ** 16 - 1;
const UINT32_MAX = 2 ** 32 - 1;
/** 8 TiB in one answer: more is no traffic. */
const BYTES_MAX = 2 ** 43;

const TIME = /^\d{1,10}(\.\d{1,3})?$/;
const REQUEST_ID = /^[0-9a-f]{32}$/;
const ID = z.regexes.uuid();

const bytes = z.int().min(0).max(BYTES_MAX);
const milliseconds = z.int().min(0).max(UINT32_MAX);

/** As narrow as the columns: one bad line must not cost its batch. The defaults are those of an older edge's lines. */
export const accessLogLineSchema = z.object({
  /** nginx's $msec: unix seconds as "1700000000.123". */
  time: z.string().regex(TIME),
  request_id: z.string().regex(REQUEST_ID),
  account: z.string().regex(ID),
  distribution: z.string().regex(ID),
  host: z.string(),
  method: z.string(),
  path: z.string(),
  /** Without the question mark; empty unless the edge group's settings want it. */
  query: z.string().default(""),
  status: z.int().min(0).max(UINT16_MAX),
  cache_status: z.string(),
  bytes_out: bytes,
  bytes_in: bytes,
  /** What was received for this very request; header lines too. */
  origin_bytes: bytes.default(0),
  /** What was fetched on its behalf: slices behind the first, and what renews a stale answer. */
  fetched_bytes: bytes.default(0),
  duration_ms: milliseconds,
  /** Null: no origin was asked. */
  origin_ms: milliseconds.nullable(),
  /** Until the answer's header was there. */
  ttfb_ms: milliseconds.default(0),
  protocol: z.string(),
  tls: z.string(),
  /** As the viewer got it; empty where there is none, as in a 304. */
  content_type: z.string().default(""),
  referrer_host: z.string(),
  user_agent: z.string(),
  client: z.string(),
  /** How many requests this line stands for: more than one where a group logs a sample. */
  weight: z.int().min(1).max(UINT16_MAX).default(1),
});
export type AccessLogLine = z.output<typeof accessLogLineSchema>;

export type ReadLine = { readonly line: AccessLogLine } | { readonly fault: string };

/** The fault names the field, never the value: lines hold what viewers sent. */
export function readLine(text: string): ReadLine {
  const json = HALF_PAIR.test(text) ? wellFormed(text) : parseJson(text);
  if (json === undefined) return { fault: "is not JSON" };
  return isObject(json) ? lineOf(json) : { fault: "is no object" };
}

/** Halves of a surrogate pair can stand in JSON, and ClickHouse refuses a whole insert for one. nginx writes none. */
const HALF_PAIR = /\\u[dD]/;

/** UTF-8 has no half pairs: they become U+FFFD. */
function wellFormed(text: string): unknown {
  try {
    return JSON.parse(text, (_name, value) =>
      typeof value === "string" ? Buffer.from(value, "utf8").toString("utf8") : value,
    );
  } catch {
    return undefined;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** As accessLogLineSchema, field by field; line.test.ts compares the two. */
export function lineOf(json: Fields): ReadLine {
  const { time, request_id, account, distribution, host, method, path, query = "" } = json;
  if (typeof time !== "string" || !TIME.test(time)) return faulty("time");
  if (typeof request_id !== "string" || !REQUEST_ID.test(request_id)) return faulty("request_id");
  if (typeof account !== "string" || !ID.test(account)) return faulty("account");
  if (typeof distribution !== "string" || !ID.test(distribution)) return faulty("distribution");
  if (typeof host !== "string") return faulty("host");
  if (typeof method !== "string") return faulty("method");
  if (typeof path !== "string") return faulty("path");
  if (typeof query !== "string") return faulty("query");
  const { status, cache_status, bytes_out, bytes_in, origin_bytes = 0, fetched_bytes = 0 } = json;
  if (!isCount(status, UINT16_MAX)) return faulty("status");
  if (typeof cache_status !== "string") return faulty("cache_status");
  if (!isCount(bytes_out, BYTES_MAX)) return faulty("bytes_out");
  if (!isCount(bytes_in, BYTES_MAX)) return faulty("bytes_in");
  if (!isCount(origin_bytes, BYTES_MAX)) return faulty("origin_bytes");
  if (!isCount(fetched_bytes, BYTES_MAX)) return faulty("fetched_bytes");
  const { duration_ms, origin_ms, ttfb_ms = 0 } = json;
  if (!isCount(duration_ms, UINT32_MAX)) return faulty("duration_ms");
  if (origin_ms !== null && !isCount(origin_ms, UINT32_MAX)) return faulty("origin_ms");
  if (!isCount(ttfb_ms, UINT32_MAX)) return faulty("ttfb_ms");
  const { protocol, tls, content_type = "", referrer_host, user_agent, client, weight = 1 } = json;
  if (typeof protocol !== "string") return faulty("protocol");
  if (typeof tls !== "string") return faulty("tls");
  if (typeof content_type !== "string") return faulty("content_type");
  if (typeof referrer_host !== "string") return faulty("referrer_host");
  if (typeof user_agent !== "string") return faulty("user_agent");
  if (typeof client !== "string") return faulty("client");
  if (!isCount(weight, UINT16_MAX) || weight === 0) return faulty("weight");
  return {
    line: {
      ...{ time, request_id, account, distribution, host, method, path, query, status, cache_status },
      ...{ bytes_out, bytes_in, origin_bytes, fetched_bytes, duration_ms, origin_ms, ttfb_ms },
      ...{ protocol, tls, content_type, referrer_host, user_agent, client, weight },
    },
  };
}

function isCount(value: unknown, max: number): value is number {
  return Number.isInteger(value) && typeof value === "number" && value >= 0 && value <= max;
}

function faulty(field: keyof AccessLogLine): ReadLine {
  return { fault: `${field}: is not what a line of the access log has there` };
}
