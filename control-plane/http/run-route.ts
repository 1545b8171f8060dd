// Runs one request of a route: let in, read, check, handle, answer.
import type { z } from "zod";
import { type Logger, withLogContext } from "../../platform/log.ts";
import type { Admission, Arrival } from "./admission.ts";
import { type AnyCaller, callerIds } from "./authorize.ts";
import { contentTypesOf, JSON_TYPE, type RawBody, type Route } from "./define-route.ts";
import { deprecationHeaders } from "./deprecation.ts";
import { callerNameOf, fingerprintOf, type Idempotency, idempotencyKeyOf, type KeyedRequest } from "./idempotency.ts";
import { parseParts } from "./parse-request.ts";
import { waitSecondsOf } from "./prefer.ts";
import { setRateLimitHeaders } from "./rate-limits.ts";
import { assertContentType, readBody, readJson } from "./read-body.ts";
import { assertOneOfEach } from "./request-facts.ts";
import type { ApiContext } from "./request-log.ts";
import { type CheckedReply, checkedReply, sendReply } from "./send-reply.ts";
import { servedPath } from "./served-path.ts";

export interface RunSettings {
  readonly admission: Admission;
  /** Undefined: an Idempotency-Key is not heeded. */
  readonly idempotency: Idempotency | undefined;
  readonly log: Logger;
}

export type Run = (context: ApiContext, params: Readonly<Record<string, string | undefined>>) => Promise<void>;

export function createRun(route: Route, settings: RunSettings): Run {
  const path = servedPath(route.path);
  const contentTypes = contentTypesOf(route.reply);
  const farewell = route.deprecated === undefined ? undefined : deprecationHeaders(route.deprecated);

  return async (context, params) => {
    const { facts } = context.state;
    context.state.route = path;
    if (farewell !== undefined) context.set(farewell);
    assertOneOfEach(context.req);
    const caller = await settings.admission.admit(route, arrivalOf(context));
    context.state.callerIds = callerIds(caller);
    const { body, rawBody } = route.body === undefined ? NO_BODY : await readDeclaredBody(route.body, context);
    const parsed = parseParts(
      { params: route.params, query: route.query, body: jsonSchemaOf(route) },
      { params, query: context.query, body },
    );
    facts.rawBody = rawBody;
    facts.accepted = acceptedBy(context, contentTypes);
    facts.recheck = () => settings.admission.recheck(route, facts);
    facts.waitSeconds = route.prefersWait ? waitSecondsOf(facts.header("prefer")) : 0;
    const handle = async () => checkedReply(route, await route.run({ ...parsed, caller, facts }));
    const ids = { request_id: facts.requestId, ...context.state.callerIds };
    const run = route.fromMemory ? handle : () => withLogContext(ids, handle);
    const keyed = keyedRequest(route, context, { caller, body });
    const reply = keyed === undefined ? await run() : await runOnce(keyed, run, context, settings);
    sendReply(context, route, facts.waitSeconds === 0 ? reply : await outcomeOf(reply, route, context, settings));
  };
}

/** Undefined: the request has no Idempotency-Key, or its route does not heed one. */
function keyedRequest(
  route: Route,
  context: ApiContext,
  { caller, body }: { caller: AnyCaller | undefined; body: unknown },
): KeyedRequest | undefined {
  const key = route.idempotencyKey ? idempotencyKeyOf(context.state.facts) : undefined;
  if (key === undefined || caller === undefined) return undefined;
  return { caller: callerNameOf(caller), key, fingerprint: fingerprintOf(context.method, context.url, body) };
}

async function runOnce(
  request: KeyedRequest,
  run: () => Promise<CheckedReply>,
  context: ApiContext,
  { idempotency }: RunSettings,
): Promise<CheckedReply> {
  if (idempotency === undefined) return run();
  const { reply, isReplay } = await idempotency.once(request, run);
  if (isReplay) context.set("idempotency-replayed", "true");
  return reply;
}

export function arrivalOf(context: ApiContext): Arrival {
  return { facts: context.state.facts, tell: (standing) => setRateLimitHeaders(context.res, standing) };
}

/** Whoever takes none of them gets the first, as most servers do (RFC 9110 §12.4.1). */
function acceptedBy(context: ApiContext, contentTypes: readonly string[]): string {
  const [first = JSON_TYPE, ...others] = contentTypes;
  if (others.length === 0) return first;
  return context.accepts(first, ...others) || first;
}

function jsonSchemaOf({ body }: Route) {
  return body === undefined || "raw" in body ? undefined : body;
}

const NO_BODY: ReadBody = { body: undefined, rawBody: undefined };

interface ReadBody {
  readonly body: unknown;
  readonly rawBody: Buffer | undefined;
}

async function readDeclaredBody(declared: z.ZodType | RawBody, { req }: ApiContext): Promise<ReadBody> {
  if (!("raw" in declared)) return { body: await readJson(req), rawBody: undefined };
  assertContentType(req.headers["content-type"], declared.raw);
  return { body: undefined, rawBody: await readBody(req, declared.bytesMax) };
}

/** What the client would rather hear than the first answer, which is told when the wait comes to nothing. */
async function outcomeOf(
  reply: CheckedReply,
  route: Route,
  context: ApiContext,
  { log }: RunSettings,
): Promise<CheckedReply> {
  if (reply.afterCommit === undefined) return reply;
  try {
    const outcome = checkedReply(route, await reply.afterCommit());
    context.set("preference-applied", "wait");
    return outcome;
  } catch (error) {
    // The change stands: a problem would make the client do it again.
    log.warn({ error }, "the outcome could not be waited for");
    return reply;
  }
}
