// SwiftFederation as its documentation describes it, strict: it recomputes every signature, refuses times that are an hour off,
// numbers used twice, unknown fields, too many domains and too long periods. Tests only.
import { createHmac } from "node:crypto";
import { z } from "zod";
import { type OutsideAnswer, type OutsideRequest, startOutside } from "../test-outside.ts";

export const ACCESS_KEY = { key_id: "6vE59B1z4p174N25", key_secret: "28G5nC2zw143m25026n9H11PwNYs4576" };
export const CUSTOMER_ID = "16939";

const HOUR_MS = 60 * 60 * 1000;
const DOMAINS_MAX = 50;

export interface SwiftTraffic {
  readonly volume: number;
  readonly hitVolume: number;
  readonly requests: number;
  readonly hits: number;
  readonly originCodes: Readonly<Record<string, number>>;
}

/** By domain, then by the beginning of five minutes. A domain that is not in it does not exist. */
type Traffic = ReadonlyMap<string, ReadonlyMap<number, SwiftTraffic>>;

const timeText = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
const period = {
  domains: z.array(z.string()).min(1).max(DOMAINS_MAX),
  startTime: timeText,
  endTime: timeText,
};
const plainBody = z.strictObject(period);
const volumeBody = z.strictObject({ ...period, fillFixedTime: z.boolean(), interval: z.literal("minute") });

export async function startTestTmSwift(clock: () => Date) {
  const traffic = new Map<string, Map<number, SwiftTraffic>>();
  const nonces = new Set<string>();
  const outside = await startOutside(
    (request) => refusalOf(request, { now: clock(), nonces }) ?? answerTo(request, traffic),
  );
  return {
    ...outside,
    say(domain: string, at: Date, said: Partial<SwiftTraffic>): void {
      const ofDomain = traffic.get(domain) ?? new Map<number, SwiftTraffic>();
      ofDomain.set(at.getTime(), { volume: 0, hitVolume: 0, requests: 0, hits: 0, originCodes: {}, ...said });
      traffic.set(domain, ofDomain);
    },
  };
}

function refusalOf(
  { method, url, headers, body }: OutsideRequest,
  { now, nonces }: { now: Date; nonces: Set<string> },
): OutsideAnswer | undefined {
  const denied = (message: string) => ({ status: 401, body: { code: "Authentication.Failed", message } });
  const [, algorithm, keyId, signature] = /^(\S+) (\w+):([0-9a-f]{64})$/.exec(headers.authorization ?? "") ?? [];
  if (algorithm !== "HMAC-SHA256") return denied("The signature algorithm is not known");
  if (keyId !== ACCESS_KEY.key_id) return denied("The access key does not exist");
  const [date, nonce] = [String(headers["x-sfd-date"]), String(headers["x-sfd-nonce"])];
  const text = [method, `${url.pathname}${url.search}`, date, nonce, keyId, body].join("\n");
  const expected = createHmac("sha256", ACCESS_KEY.key_secret).update(text).digest("hex");
  if (signature !== expected) return denied("The signature does not match");
  const at = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (!(Math.abs(at - now.getTime()) <= HOUR_MS)) return denied("The request date is more than 1 hour off");
  if (!/^\d{5,18}$/.test(nonce) || nonces.has(nonce)) return denied("The nonce is not valid");
  nonces.add(nonce);
  return undefined;
}

function answerTo({ method, url, body }: OutsideRequest, traffic: Traffic): OutsideAnswer {
  if (method === "GET" && url.pathname === `/v1.1/customer/${CUSTOMER_ID}`) {
    return { status: 200, body: { id: Number(CUSTOMER_ID), name: "Edgewright" } };
  }
  const report = REPORTS[url.pathname];
  if (method !== "POST" || report === undefined) return refused(404, "Request.NotFound", "Not found");
  const asked = report.body.safeParse(JSON.parse(body));
  if (!asked.success) return refused(400, "Request.BadRequest", asked.error.issues[0]?.message ?? "");
  const [from, to] = [Date.parse(asked.data.startTime), Date.parse(asked.data.endTime)];
  if (to <= from) return refused(400, "TimeRange.EndBeforeStart", "End time must be later than start time.");
  if (to - from > 24 * HOUR_MS) {
    return refused(400, "TimeRange.Exceeded", "The difference between EndTime and StartTime cannot exceed 24 hours.");
  }
  const unknown = asked.data.domains.find((domain) => !traffic.has(domain));
  if (unknown !== undefined) return refused(404, "Domain.NotFound", `Domain ${unknown} is not found.`);
  const rows = asked.data.domains.map((domain) => ({
    domain,
    [report.list]: [...(traffic.get(domain) ?? [])]
      .filter(([time]) => time >= from && time <= to)
      .map(([time, said]) => ({ timestamp: new Date(time).toISOString().replace(".000Z", "Z"), ...report.row(said) })),
  }));
  return { status: 200, body: rows };
}

const REPORTS: Readonly<
  Record<string, { body: typeof plainBody | typeof volumeBody; list: string; row: (said: SwiftTraffic) => object }>
> = {
  "/v1.1/report/volume": { body: volumeBody, list: "volumes", row: ({ volume }) => ({ value: volume }) },
  "/v1.0/report/hit_volume": { body: plainBody, list: "hitVolumes", row: ({ hitVolume }) => ({ value: hitVolume }) },
  "/v1.0/report/hit_request_number": {
    body: plainBody,
    // The blank is in its documents.
    list: " hitReqNumbers",
    row: ({ requests, hits }) => ({ request: requests, hit: hits }),
  },
  "/v1.0/report/origin_http_codes": {
    body: plainBody,
    list: "httpCodes",
    row: ({ originCodes }) => ({ httpCodeValues: originCodes }),
  },
};

function refused(status: number, code: string, message: string): OutsideAnswer {
  return { status, body: { code, message } };
}
