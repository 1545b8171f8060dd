// One access-log line as the edge's nginx writes it: the schema that says what a line is, and a reader by hand that gives
// the same verdicts at a tenth of the price. The edge's id is added by whoever makes a row of it.
import { z } from "zod";
import { parseJson } from "../apply/document.ts";

const UINT16_MAX = 2 ** 16 - 1;
const UINT32_MAX = 2 ** 32 - 1;
/** 1 TiB in one answer: more is no traffic. */
const BYTES_MAX = 2 ** 40;

const ADDRESS_LENGTH_MAX = 64;

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
  /** What was fetched on its behalf: slices behind the first, and what renews a stale answer. Null: nobody knows how much. */
  fetched_bytes: bytes.nullable().default(0),
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
  client: z.string().max(ADDRESS_LENGTH_MAX),
  /** How many requests this line stands for: more than one where a group logs a sample. */
  weight: z.int().min(1).max(UINT16_MAX).default(1),
});
/** As it stands in the log. */
export type AccessLogLine = z.input<typeof accessLogLineSchema>;

/** Undefined: no line. */
export function readLine(text: string): AccessLogLine | undefined {
  const json = parseJson(text);
  return isLine(json) ? json : undefined;
}

/** What is wrong with a text that is no line: the field, never its value, for lines hold what viewers sent. */
export function faultOf(text: string): string {
  const json = parseJson(text);
  if (json === undefined) return "is not JSON";
  const [issue] = accessLogLineSchema.safeParse(json).error?.issues ?? [];
  return `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "unreadable"}`;
}

/** The verdict of accessLogLineSchema at a fraction of its price; line.test.ts compares the two. */
export function isLine(json: unknown): json is AccessLogLine {
  return isObject(json) && isAbout(json) && isCounted(json) && isDescribed(json);
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAbout({ time, request_id, account, distribution, host, method, path, query, status }: Fields): boolean {
  return (
    isText(time) &&
    TIME.test(time) &&
    isText(request_id) &&
    REQUEST_ID.test(request_id) &&
    isText(account) &&
    ID.test(account) &&
    isText(distribution) &&
    ID.test(distribution) &&
    isText(host) &&
    isText(method) &&
    isText(path) &&
    (query === undefined || isText(query)) &&
    isCount(status, UINT16_MAX)
  );
}

function isCounted(line: Fields): boolean {
  const { bytes_out, bytes_in, origin_bytes, fetched_bytes, duration_ms, origin_ms, ttfb_ms, weight } = line;
  return (
    isCount(bytes_out, BYTES_MAX) &&
    isCount(bytes_in, BYTES_MAX) &&
    (origin_bytes === undefined || isCount(origin_bytes, BYTES_MAX)) &&
    (fetched_bytes === undefined || fetched_bytes === null || isCount(fetched_bytes, BYTES_MAX)) &&
    isCount(duration_ms, UINT32_MAX) &&
    (origin_ms === null || isCount(origin_ms, UINT32_MAX)) &&
    (ttfb_ms === undefined || isCount(ttfb_ms, UINT32_MAX)) &&
    (weight === undefined || (isCount(weight, UINT16_MAX) && weight !== 0))
  );
}

function isDescribed(line: Fields): boolean {
  const { cache_status, protocol, tls, content_type, referrer_host, user_agent, client } = line;
  return (
    isText(cache_status) &&
    isText(protocol) &&
    isText(tls) &&
    (content_type === undefined || isText(content_type)) &&
    isText(referrer_host) &&
    isText(user_agent) &&
    isText(client) &&
    client.length <= ADDRESS_LENGTH_MAX
  );
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isCount(value: unknown, max: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max;
}
