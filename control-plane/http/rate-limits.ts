// What is counted of requests, and how an answer tells of it.
import type { ServerResponse } from "node:http";
import type { Redis } from "ioredis";
import type { Logger } from "../../platform/log.ts";
import { Problem } from "../../platform/problem.ts";
import { tooManyRequests } from "./problems.ts";
import { createRateCounter, type RateCounter, type Standing, WINDOW_SECONDS } from "./rate-counter.ts";

export interface RateLimits {
  /** Requests without a good token, by subscriber. */
  readonly address: RateCounter;
  readonly token: RateCounter;
  /** Log-ins and the like, by route and subscriber; good ones too: who tries one password on many users is right at times. */
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

/** Of two limits the one that a client has to heed first. */
export function tighter(one: Standing, other: Standing): Standing {
  if (one.isOver && other.isOver) return one.resetMs > other.resetMs ? one : other;
  if (one.isOver !== other.isOver) return one.isOver ? one : other;
  return one.remaining < other.remaining ? one : other;
}

/** draft-ietf-httpapi-ratelimit-headers-06 */
export function setRateLimitHeaders(response: ServerResponse, { limit, remaining, resetMs }: Standing): void {
  response.setHeader("ratelimit-limit", String(limit));
  response.setHeader("ratelimit-remaining", String(remaining));
  response.setHeader("ratelimit-reset", String(Math.ceil(resetMs / 1000)));
  response.setHeader("ratelimit-policy", `${limit};w=${WINDOW_SECONDS}`);
}

export function overLimit({ limit, resetMs }: Standing): Problem {
  const seconds = Math.max(Math.ceil(resetMs / 1000), 1);
  return new Problem(tooManyRequests, `${limit} in a minute are allowed. Ask again in ${seconds} s.`, {
    headers: { "retry-after": String(seconds) },
  });
}
