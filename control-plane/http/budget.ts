// What one account may ask of the machines that all share, beside how often: so many things within a minute, counted as
// requests are.
import type { Redis } from "ioredis";
import type { Logger } from "../../platform/log.ts";
import { Problem } from "../../platform/problem.ts";
import { tooManyRequests } from "./problems.ts";
import { createRateCounter } from "./rate-counter.ts";

export interface Budget {
  /** Throws the 429 when it is more than is left of the account's minute. */
  spend(accountId: string, amount: number): Promise<void>;
}

export interface BudgetSettings {
  readonly name: string;
  readonly perMinute: number;
  /** What is counted, in words. */
  readonly things: string;
}

/** Where nobody counts: commands, tests. */
export const withoutBudget: Budget = { spend: async () => {} };

export function createBudget(connected: { redis: Redis; log: Logger }, settings: BudgetSettings): Budget {
  const { name, perMinute, things } = settings;
  const counter = createRateCounter({ ...connected, name, limit: perMinute });
  return {
    async spend(accountId, amount) {
      const { isOver, resetMs } = await counter.count(accountId, amount);
      if (!isOver) return;
      const seconds = Math.max(Math.ceil(resetMs / 1000), 1);
      const detail = `An account may have ${perMinute} ${things} in a minute. Ask again in ${seconds} s, or for fewer at once.`;
      throw new Problem(tooManyRequests, detail, { headers: { "retry-after": String(seconds) } });
    },
  };
}
