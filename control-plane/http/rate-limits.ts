// What is counted of requests, and how an answer tells of it.
import type { Redis } from "ioredis";
import type { Logger } from "../../platform/log.ts";
import { Problem } from "../../platform/problem.ts";
import { tooManyRequests } from "./problems.ts";
import { createRateCounter, type RateCounter, type Standing, WINDOW_SECONDS } from "./rate-counter.ts";

export interface RateLimits {
  /** Requests without a good token, by subscriber. */
  readonly address: RateCounter;
  readonly token: RateCounter;
  /** Log-ins and the like, good ones too, by subscriber: who tries one password for many users is right now and then. */
  readonly attempts: RateCounter;
}

export interface RateLimitSettings {
  readonly addressPerMinute: number;
  readonly tokenPerMinute: number;
  readonly attemptsPerMinute: number;
  readonly banSeconds: number;
}

export function createRateLimits(connected: { redis: Redis; log: Logger }, settings: RateLimitSettings): RateLimits {
  const { addressPerMinute, tokenPerMinute, attemptsPerMinute, banSeconds } = settings;
  return {
    address: createRateCounter({ ...connected, name: "address", limit: addressPerMinute }),
    token: createRateCounter({ ...connected, name: "token", limit: tokenPerMinute }),
    attempts: createRateCounter({ ...connected, name: "attempts", limit: attemptsPerMinute, banSeconds }),
  };
}

/** Of several limits the one that a client has to heed first. */
export function tightest(standings: readonly [Standing, ...Standing[]]): Standing {
  return standings.reduce((tight, other) => (isTighter(other, tight) ? other : tight));
}

function isTighter(one: Standing, other: Standing): boolean {
  if (one.isOver && other.isOver) return one.resetMs > other.resetMs;
  return one.isOver || (!other.isOver && one.remaining < other.remaining);
}

/** draft-ietf-httpapi-ratelimit-headers-06 */
export function rateLimitHeaders({ limit, remaining, resetMs }: Standing): Record<string, string> {
  return {
    "ratelimit-limit": String(limit),
    "ratelimit-remaining": String(remaining),
    "ratelimit-reset": String(Math.ceil(resetMs / 1000)),
    "ratelimit-policy": `${limit};w=${WINDOW_SECONDS}`,
  };
}

export function overLimit({ limit, resetMs }: Standing): Problem {
  const seconds = Math.max(Math.ceil(resetMs / 1000), 1);
  return new Problem(tooManyRequests, `${limit} in a minute are allowed. Ask again in ${seconds} s.`, {
    headers: { "retry-after": String(seconds) },
  });
}
