// What is remembered of edges that claim to be ahead of a feed: in Redis, so that every API process knows of them, and in this
// process's memory while Redis does not answer.
import type { Redis } from "ioredis";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import type { Logger } from "../../../platform/log.ts";

/** The last revision of each scope of a feed. */
export type Ends = ReadonlyMap<string, number>;

export interface ClaimMemory {
  /** Answers how many edges made the claim by now, this one among them. */
  add(feedId: string, edgeId: string): Promise<number>;
  /** True for the first who believes it, whom it is to do something. */
  believe(feedId: string): Promise<boolean>;
  doubt(feedId: string): Promise<void>;
  keepEnds(feedId: string, ends: Ends): Promise<void>;
  /** Undefined: no other feed took this one's place because of a claim. */
  ends(feedId: string): Promise<Ends | undefined>;
  keepRenewal(edgeId: string, at: Date): Promise<void>;
  /** When the feed was last made anew, or nearly so, on the word of this edge. */
  renewedAt(edgeId: string): Promise<Date | undefined>;
}

/** Each edge has the feed made anew rarely (see the gateway), so few are of interest at a time. */
const FEEDS_MAX = 100;
const EDGES_MAX = 10_000;
const KEPT_S = 24 * 3_600;
const KEY_PREFIX = "edgewright:restore-claim";

export function createOwnMemory(): ClaimMemory {
  const claims = new LRUCache<string, { edges: Set<string>; isBelieved: boolean; ends: Ends | undefined }>({
    max: FEEDS_MAX,
  });
  const renewals = new LRUCache<string, Date>({ max: EDGES_MAX });
  function claimOf(feedId: string) {
    const claim = claims.get(feedId) ?? { edges: new Set(), isBelieved: false, ends: undefined };
    claims.set(feedId, claim);
    return claim;
  }
  return {
    async add(feedId, edgeId) {
      return claimOf(feedId).edges.add(edgeId).size;
    },
    async believe(feedId) {
      const claim = claimOf(feedId);
      const isFirst = !claim.isBelieved;
      claim.isBelieved = true;
      return isFirst;
    },
    async doubt(feedId) {
      claimOf(feedId).isBelieved = false;
    },
    async keepEnds(feedId, ends) {
      claimOf(feedId).ends = ends;
    },
    async ends(feedId) {
      return claims.get(feedId)?.ends;
    },
    async keepRenewal(edgeId, at) {
      renewals.set(edgeId, at);
    },
    async renewedAt(edgeId) {
      return renewals.get(edgeId);
    },
  };
}

export function createSharedMemory({ redis, log }: { redis: Redis; log: Logger }): ClaimMemory {
  const shared = inRedis(redis);
  const own = createOwnMemory();
  async function ask<T>(use: (memory: ClaimMemory) => Promise<T>): Promise<T> {
    try {
      return await use(shared);
    } catch (error) {
      log.warn({ error }, "claims of edges to be ahead of a feed are remembered per process: redis does not answer");
      return use(own);
    }
  }
  return {
    add: (feedId, edgeId) => ask((memory) => memory.add(feedId, edgeId)),
    believe: (feedId) => ask((memory) => memory.believe(feedId)),
    doubt: (feedId) => ask((memory) => memory.doubt(feedId)),
    keepEnds: (feedId, ends) => ask((memory) => memory.keepEnds(feedId, ends)),
    ends: (feedId) => ask((memory) => memory.ends(feedId)),
    keepRenewal: (edgeId, at) => ask((memory) => memory.keepRenewal(edgeId, at)),
    renewedAt: (edgeId) => ask((memory) => memory.renewedAt(edgeId)),
  };
}

const endsSchema = z.array(z.tuple([z.string(), z.number()]));

function inRedis(redis: Redis): ClaimMemory {
  const key = (id: string, what: "edges" | "ends" | "belief" | "renewal") => `${KEY_PREFIX}:${id}:${what}`;
  return {
    async add(feedId, edgeId) {
      const edges = key(feedId, "edges");
      await redis.sadd(edges, edgeId);
      await redis.expire(edges, KEPT_S);
      return redis.scard(edges);
    },
    async believe(feedId) {
      return (await redis.set(key(feedId, "belief"), "1", "EX", KEPT_S, "NX")) === "OK";
    },
    async doubt(feedId) {
      await redis.del(key(feedId, "belief"));
    },
    async keepEnds(feedId, ends) {
      await redis.set(key(feedId, "ends"), JSON.stringify([...ends]), "EX", KEPT_S);
    },
    async ends(feedId) {
      const text = await redis.get(key(feedId, "ends"));
      return text === null ? undefined : new Map(endsSchema.parse(JSON.parse(text)));
    },
    async keepRenewal(edgeId, at) {
      await redis.set(key(edgeId, "renewal"), String(at.getTime()), "EX", KEPT_S);
    },
    async renewedAt(edgeId) {
      const text = await redis.get(key(edgeId, "renewal"));
      return text === null ? undefined : new Date(Number(text));
    },
  };
}
