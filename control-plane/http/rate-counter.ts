// Counts how often somebody asks within a minute: in Redis, so that every API process sees the same number, and in this
// process's memory while Redis does not answer.
import type { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { Logger } from "../../platform/log.ts";

export const WINDOW_SECONDS = 60;
/** How long a Redis that failed is left alone: one that hangs would cost every request its time-out. */
const REDIS_REST_MS = 1_000;
const KEY_PREFIX = "edgewright:rate";

/** How somebody stands after this request. */
export interface Standing {
  readonly limit: number;
  readonly isOver: boolean;
  readonly remaining: number;
  /** Until the window, or the ban, ends. */
  readonly resetMs: number;
}

export interface RateCounter {
  /** `amount`: how many requests this one is worth. */
  count(key: string, amount?: number): Promise<Standing>;
  /** Takes one request back. */
  uncount(key: string): Promise<void>;
}

export interface RateCounterOptions {
  readonly name: string;
  readonly redis: Redis;
  readonly limit: number;
  /** How long whoever goes beyond the limit has to wait; without it, until the window ends. */
  readonly banSeconds?: number;
  readonly log: Logger;
}

/** The requests of one key that came in one turn of the event loop. */
interface Batch {
  size: number;
  readonly counted: Promise<RateLimiterRes>;
}

/**
 * Requests of one key that come in one turn of the event loop share a round trip, and each still gets its own place in
 * the count: a busy caller costs a fraction of a Redis command per request.
 */
export function createRateCounter(options: RateCounterOptions): RateCounter {
  const { limit } = options;
  const limiter = createLimiter(options);
  const batches = new Map<string, Batch>();

  function openBatch(key: string): Batch {
    const counted = new Promise<RateLimiterRes>((resolve, reject) => {
      setImmediate(() => {
        batches.delete(key);
        limiter.consume(key, batch.size).then(resolve, reject);
      });
    });
    const batch: Batch = { size: 0, counted };
    batches.set(key, batch);
    return batch;
  }

  return {
    async count(key, amount = 1) {
      const batch = batches.get(key) ?? openBatch(key);
      batch.size += amount;
      const place = batch.size;
      const { consumedPoints, msBeforeNext } = await batch.counted;
      const consumed = consumedPoints - batch.size + place;
      const resetMs = Math.max(msBeforeNext, 0);
      return { limit, isOver: consumed > limit, remaining: Math.max(limit - consumed, 0), resetMs };
    },
    uncount: (key) => limiter.reward(key),
  };
}

function createLimiter({ name, redis, limit, banSeconds = 0, log }: RateCounterOptions) {
  const rule = {
    keyPrefix: `${KEY_PREFIX}:${name}`,
    points: limit,
    duration: WINDOW_SECONDS,
    blockDuration: banSeconds,
  };
  const shared = new RateLimiterRedis({
    ...rule,
    storeClient: redis,
    rejectIfRedisNotReady: true,
    // Whoever is over the limit is refused from memory until the window ends. The library knows no such thing for bans.
    inMemoryBlockOnConsumed: banSeconds > 0 ? 0 : limit + 1,
  });
  const own = new RateLimiterMemory(rule);
  let restsUntil = 0;

  async function ask(use: (limiter: RateLimiterRedis | RateLimiterMemory) => Promise<RateLimiterRes>) {
    if (Date.now() < restsUntil) return standingOf(use(own));
    try {
      const answer = await standingOf(use(shared));
      if (restsUntil > 0) log.info({ limit: name }, "rate limits are counted in redis again");
      restsUntil = 0;
      return answer;
    } catch (error) {
      if (restsUntil === 0)
        log.warn({ error, limit: name }, "rate limits are counted per process: redis does not answer");
      restsUntil = Date.now() + REDIS_REST_MS;
      return standingOf(use(own));
    }
  }

  // Being over the limit is thrown by the library, as errors are. A refusal from memory comes without a count.
  async function standingOf(asked: Promise<RateLimiterRes>): Promise<RateLimiterRes> {
    try {
      return await asked;
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      return new RateLimiterRes(0, error.msBeforeNext, Math.max(error.consumedPoints, 0) || Number.MAX_SAFE_INTEGER);
    }
  }

  return {
    consume: (key: string, points: number) => ask((limiter) => limiter.consume(key, points)),
    reward: async (key: string) => void (await ask((limiter) => limiter.reward(key))),
  };
}
