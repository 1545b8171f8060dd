// The headers in the OpenAPI document: which ones a request may carry, and which ones an answer may.
import { goodStatuses, type Route } from "../define-route.ts";
import { hasTag } from "../etag.ts";
import { failedPrecondition, tooManyRequests, unauthenticated } from "../problems.ts";

type JsonObject = Record<string, unknown>;

const text = { type: "string" };
const count = { type: "integer", minimum: 0 };

/** Every header that an answer may have, referred to by name. */
export const REPLY_HEADERS = {
  "X-Request-Id": {
    description: "Finds this request in the logs; the caller's own when it sent a sane one.",
    schema: text,
  },
  ETag: { description: "The tag of this very representation, for If-None-Match and If-Match.", schema: text },
  Location: { description: "Where what was created is read, when it has a place of its own.", schema: text },
  "RateLimit-Limit": { description: "Requests in a window.", schema: count },
  "RateLimit-Remaining": { description: "Requests that are left in this window.", schema: count },
  "RateLimit-Reset": { description: "Seconds until the window ends.", schema: count },
  "RateLimit-Policy": { description: "The limit and its window in seconds, as `100;w=60`.", schema: text },
  "Retry-After": { description: "Seconds after which another try makes sense.", schema: count },
  "WWW-Authenticate": { description: "The scheme that would do.", schema: text },
  "Idempotency-Replayed": {
    description: "`true`: the answer of the first request with this Idempotency-Key; nothing was done again.",
    schema: { type: "string", enum: ["true"] },
  },
  "Preference-Applied": {
    description: "`wait`: the outcome was waited for (RFC 7240).",
    schema: { type: "string", enum: ["wait"] },
  },
  Deprecation: { description: "Since when this is not to be used any more (RFC 9745).", schema: text },
  Sunset: { description: "When it will be gone (RFC 8594).", schema: text },
  Link: { description: "With rel=deprecation: what to use instead.", schema: text },
} satisfies Record<string, JsonObject>;

export type ReplyHeader = keyof typeof REPLY_HEADERS;

const RATE_LIMIT_HEADERS = [
  "RateLimit-Limit",
  "RateLimit-Remaining",
  "RateLimit-Reset",
  "RateLimit-Policy",
] as const satisfies readonly ReplyHeader[];

const SERVICE_UNAVAILABLE = 503;

/** What an answer of this status may carry. */
export function replyHeadersOf(route: Route, status: number): JsonObject {
  const names: ReplyHeader[] = [
    "X-Request-Id",
    ...(route.unlimited ? [] : RATE_LIMIT_HEADERS),
    ...deprecationHeaders(route),
    ...(goodStatuses(route.reply).includes(status) || status === 304
      ? goodReplyHeaders(route)
      : problemHeaders(status)),
  ];
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function goodReplyHeaders(route: Route): ReplyHeader[] {
  return [
    ...(hasTag(route) ? (["ETag"] as const) : []),
    ...(route.reply.status === 201 ? (["Location"] as const) : []),
    ...(route.idempotencyKey ? (["Idempotency-Replayed"] as const) : []),
    ...(route.prefersWait ? (["Preference-Applied"] as const) : []),
  ];
}

function problemHeaders(status: number): ReplyHeader[] {
  if (status === unauthenticated.status) return ["WWW-Authenticate"];
  return status === tooManyRequests.status || status === SERVICE_UNAVAILABLE ? ["Retry-After"] : [];
}

function deprecationHeaders({ deprecated }: Route): ReplyHeader[] {
  if (deprecated === undefined) return [];
  return [
    "Deprecation",
    ...(deprecated.sunset === undefined ? [] : (["Sunset"] as const)),
    ...(deprecated.link === undefined ? [] : (["Link"] as const)),
  ];
}

export function headerParametersOf(route: Route): JsonObject[] {
  return [
    ...(route.access.kind === "account" ? [ACCOUNT_ID] : []),
    ...(route.idempotencyKey ? [IDEMPOTENCY_KEY] : []),
    ...(route.ifMatch ? [IF_MATCH] : []),
    ...(route.method === "GET" && hasTag(route) ? [IF_NONE_MATCH] : []),
    ...(route.prefersWait ? [PREFER] : []),
  ];
}

function headerParameter(name: string, description: string, schema: JsonObject): JsonObject {
  return { name, in: "header", required: false, description, schema };
}

const ACCOUNT_ID = headerParameter("X-Account-Id", "Which of your accounts is meant; without it, your first.", {
  ...text,
  format: "uuid",
});

const IDEMPOTENCY_KEY = headerParameter(
  "Idempotency-Key",
  "A name of yours for this request: a repeat within 24 hours gets the same answer, and nothing is done again.",
  { ...text, minLength: 1, maxLength: 255, examples: ["8e03978e-40d5-43dd-bc93-6894a57f9324"] },
);

const IF_MATCH = headerParameter(
  "If-Match",
  `The ETag of what you read: when it has changed since, the answer is ${failedPrecondition.status}.`,
  text,
);

const IF_NONE_MATCH = headerParameter(
  "If-None-Match",
  "The ETag of what you have: unchanged, the answer is 304.",
  text,
);

const PREFER = headerParameter("Prefer", "`wait=N`: up to N seconds (at most 30) for the outcome (RFC 7240).", {
  ...text,
  examples: ["wait=10"],
});
