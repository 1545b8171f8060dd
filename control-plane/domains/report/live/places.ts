// How many streams one account may have open in this process: each holds a connection and a query a second.
import { defineProblem, Problem } from "../../../../platform/problem.ts";

const STREAMS_MAX = 20;

export const tooManyStreams = defineProblem("too-many-streams", 429, "Too many streams are open");

export interface Places {
  /** Throws the 429 when all are taken; answers how one is given back. */
  take(accountId: string): () => void;
}

export function createPlaces(max = STREAMS_MAX): Places {
  const taken = new Map<string, number>();
  return {
    take(accountId) {
      const before = taken.get(accountId) ?? 0;
      if (before >= max) throw new Problem(tooManyStreams, TOO_MANY(max), { headers: { "retry-after": "15" } });
      taken.set(accountId, before + 1);
      let isGivenBack = false;
      return () => {
        if (isGivenBack) return;
        isGivenBack = true;
        const left = (taken.get(accountId) ?? 1) - 1;
        if (left === 0) taken.delete(accountId);
        else taken.set(accountId, left);
      };
    },
  };
}

const TOO_MANY = (max: number) =>
  `An account may watch ${max} streams at once, and has as many: close one, or share one among your viewers.`;
