// Where a request of somebody who is not yet known comes from: what their session and the audit log keep of it.
import type { Actor } from "../../http/caller.ts";
import type { RequestFacts } from "../../http/define-route.ts";

export interface Visit extends Pick<Actor, "requestId" | "clientAddress"> {
  readonly userAgent: string | null;
}

const USER_AGENT_LENGTH_MAX = 300;

/** By a command or a test. */
export const noVisit: Visit = { requestId: null, clientAddress: null, userAgent: null };

export function visitOf(facts: Pick<RequestFacts, "requestId" | "clientAddress" | "header">): Visit {
  const { requestId, clientAddress } = facts;
  return { requestId, clientAddress, userAgent: facts.header("user-agent")?.slice(0, USER_AGENT_LENGTH_MAX) ?? null };
}

/** What they do from the moment on that they are known. */
export function actorOf(userId: string, { requestId, clientAddress }: Visit): Actor {
  return { userId, apiTokenId: null, requestId, clientAddress };
}
