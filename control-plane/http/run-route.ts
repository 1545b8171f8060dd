// Runs one request of a route: let in, read, check, handle, answer.
import { type Logger, withLogContext } from "../../platform/log.ts";
import type { Admission, Arrival } from "./admission.ts";
import { callerIds } from "./authorize.ts";
import type { Reply, Route } from "./define-route.ts";
import { deprecationHeaders } from "./deprecation.ts";
import { parseParts } from "./parse-request.ts";
import { waitSecondsOf } from "./prefer.ts";
import { rateLimitHeaders } from "./rate-limits.ts";
import { assertContentType, readBody, readJson } from "./read-body.ts";
import { assertOneOfEach } from "./request-facts.ts";
import type { ApiContext } from "./request-log.ts";
import { checkedReply, sendReply } from "./send-reply.ts";
import { servedPath } from "./served-path.ts";

export interface RunSettings {
  readonly admission: Admission;
  readonly log: Logger;
}

export function createRun(route: Route, { admission, log }: RunSettings): (context: ApiContext) => Promise<void> {
  const path = servedPath(route.path);
  const standing = route.deprecated === undefined ? {} : deprecationHeaders(route.deprecated);

  return async (context) => {
    const { facts } = context.state;
    context.state.route = path;
    context.set(standing);
    assertOneOfEach(context.req);
    const caller = await admission.admit(route, arrivalOf(context));
    context.state.callerIds = callerIds(caller);
    await withLogContext(context.state.callerIds, async () => {
      const { body, rawBody } = await readDeclaredBody(route, context);
      const parsed = parseParts(
        { params: route.params, query: route.query, body: jsonSchemaOf(route) },
        { params: context.params, query: context.query, body },
      );
      const waitSeconds = route.prefersWait ? waitSecondsOf(facts.header("prefer")) : 0;
      const reply = checkedReply(
        route,
        await route.run({ ...parsed, caller, facts: { ...facts, rawBody, waitSeconds } }),
      );
      const outcome = waitSeconds === 0 ? reply : await outcomeOf(reply, context, log);
      sendReply(context, route, outcome === reply ? reply : checkedReply(route, outcome));
    });
  };
}

export function arrivalOf(context: ApiContext): Arrival {
  return { facts: context.state.facts, tell: (standing) => context.set(rateLimitHeaders(standing)) };
}

function jsonSchemaOf({ body }: Route) {
  return body === undefined || "raw" in body ? undefined : body;
}

async function readDeclaredBody(
  route: Route,
  context: ApiContext,
): Promise<{ body: unknown; rawBody: Buffer | undefined }> {
  if (route.body === undefined) return { body: undefined, rawBody: undefined };
  if (!("raw" in route.body)) return { body: await readJson(context.req), rawBody: undefined };
  assertContentType(context.req.headers["content-type"], route.body.raw);
  return { body: undefined, rawBody: await readBody(context.req, route.body.bytesMax) };
}

/** What the client would rather hear than the first answer, which is told when the wait comes to nothing. */
async function outcomeOf(reply: Reply<unknown>, context: ApiContext, log: Logger): Promise<Reply<unknown>> {
  if (reply.afterCommit === undefined) return reply;
  try {
    const outcome = await reply.afterCommit();
    context.set("preference-applied", "wait");
    return outcome;
  } catch (error) {
    // The change stands: a problem would make the client do it again.
    log.warn({ error }, "the outcome could not be waited for");
    return reply;
  }
}
