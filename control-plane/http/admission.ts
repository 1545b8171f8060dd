// Lets a request in: within the limits of whoever asks, and with the caller that its route demands. A good token counts
// for itself; everything else counts for its address, before a database is asked about it.
import { LRUCache } from "lru-cache";
import { Problem } from "../../platform/problem.ts";
import { type AnyCaller, type Authentication, assertAllowed, identify } from "./authorize.ts";
import { subscriberOf } from "./client-address.ts";
import type { RequestFacts, Route } from "./define-route.ts";
import { unauthenticated } from "./problems.ts";
import type { Standing } from "./rate-counter.ts";
import { overLimit, type RateLimits, tighter } from "./rate-limits.ts";

export interface Arrival {
  readonly facts: RequestFacts;
  /** Called with what the answer shall tell of the limits. */
  tell(standing: Standing): void;
}

export interface Admission {
  /** The caller whom the route demands; throws 401, 403 or 429. */
  admit(route: Route, arrival: Arrival): Promise<AnyCaller | undefined>;
  /** Throws the 401 or 403 when whoever was let in would be so no longer. Counts nothing. */
  recheck(route: Route, facts: RequestFacts): Promise<void>;
  /** Counts a request that has no route. */
  admitUnrouted(arrival: Arrival): Promise<void>;
}

/** Without limits nothing is counted: servers that are not for the public, tests. */
export function createAdmission(authenticate: Authentication, limits: RateLimits | undefined): Admission {
  const counting = limits === undefined ? undefined : createCounting(authenticate, limits);
  return {
    async admit(route, arrival) {
      const identified = () => identify(route.access, arrival.facts, authenticate);
      const caller =
        counting === undefined || route.unlimited
          ? await identified()
          : await counting.within(route, arrival, identified);
      assertAllowed(route, caller);
      return caller;
    },
    async recheck(route, facts) {
      assertAllowed(route, await identify(route.access, facts, authenticate));
    },
    async admitUnrouted(arrival) {
      await counting?.countShown(arrival);
    },
  };
}

function createCounting(authenticate: Authentication, limits: RateLimits) {
  const tokens = rememberTokens(authenticate);

  const addressOf = ({ facts }: Arrival) => subscriberOf(facts.clientAddress);
  const countAddress = (arrival: Arrival) => limits.address.count(addressOf(arrival));

  /** Counts the token that is shown, or the address; and answers the token's id. */
  async function countShown(arrival: Arrival, attempts?: Promise<Standing>): Promise<string | undefined> {
    const tokenId = tokens.known(arrival.facts) ?? (await tokens.look(arrival.facts));
    const counted = tokenId === undefined ? countAddress(arrival) : limits.token.count(tokenId);
    assertWithin(arrival, attempts === undefined ? await counted : tighter(await counted, await attempts));
    return tokenId;
  }

  async function person(route: Route, arrival: Arrival, identified: Identify): Promise<AnyCaller | undefined> {
    // Each route for itself: whoever has just registered, or enrolled an edge, has not tried a password yet.
    const attempts = route.attempts ? limits.attempts.count(`${route.operationId}:${addressOf(arrival)}`) : undefined;
    const tokenId = await countShown(arrival, attempts);
    if (tokenId !== undefined) return countingRefusals(arrival, identified);
    const caller = await identified();
    const newId = caller === undefined ? undefined : tokenIdOf(caller);
    if (newId !== undefined) {
      // It has a limit of its own from now on; its address is not to suffer from the first look.
      tokens.remember(arrival.facts, newId);
      await limits.address.uncount(addressOf(arrival));
      assertWithin(arrival, await limits.token.count(newId));
    }
    return caller;
  }

  /** Credentials that proved themselves to be well made, and are not good for all that, count for their address. */
  async function countingRefusals(arrival: Arrival, identified: Identify): Promise<AnyCaller | undefined> {
    try {
      return await identified();
    } catch (error) {
      if (!(error instanceof Problem) || error.kind !== unauthenticated) throw error;
      tokens.refuse(arrival.facts);
      assertWithin(arrival, await countAddress(arrival));
      throw error;
    }
  }

  return {
    countShown,
    /** Edges are not limited: each polls and reports as it must. */
    within: (route: Route, arrival: Arrival, identified: Identify) =>
      route.access.kind === "edge" ? countingRefusals(arrival, identified) : person(route, arrival, identified),
  };
}

type Identify = () => Promise<AnyCaller | undefined>;

/** Throws the 429 when it is over its limit. */
function assertWithin(arrival: Arrival, standing: Standing): void {
  arrival.tell(standing);
  if (standing.isOver) throw overLimit(standing);
}

function tokenIdOf(caller: AnyCaller): string | undefined {
  if ("edgeId" in caller) return undefined;
  if ("sessionId" in caller) return caller.sessionId;
  return caller.apiTokenId ?? caller.userId;
}

const TOKENS_MAX = 10_000;
const REFUSED = "";

/** Which token an Authorization header shows, without a look at its signature each time. Only what is counted hangs on it. */
function rememberTokens(authenticate: Authentication) {
  const ids = new LRUCache<string, string>({ max: TOKENS_MAX });
  const headerOf = (facts: RequestFacts) => facts.header("authorization") ?? "";

  return {
    /** Of most requests, at once. */
    known: (facts: RequestFacts) => ids.get(headerOf(facts)) || undefined,
    async look(facts: RequestFacts): Promise<string | undefined> {
      const header = headerOf(facts);
      if (header === "" || ids.has(header)) return undefined;
      const id = await authenticate.tokenIdOf?.(facts);
      if (id !== undefined) ids.set(header, id);
      return id;
    },
    remember: (facts: RequestFacts, id: string) => ids.set(headerOf(facts), id),
    /** Forgets what it was; one that never was anything is not worth a place. */
    refuse: (facts: RequestFacts) => {
      if (ids.has(headerOf(facts))) ids.set(headerOf(facts), REFUSED);
    },
  };
}
