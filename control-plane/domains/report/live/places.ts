// How many streams one account may have open in this process: each holds a connection and a query a second.
import { defineProblem, Problem } from "../../../../platform/problem.ts";

const STREAMS_MAX = 20;
/** Of all accounts: connections and queries are there for log lines, too. */
const PROCESS_STREAMS_MAX = 500;

export const noStreamsLeft = defineProblem("no-streams-left", 503, "This server has as many streams as it takes");
export const tooManyStreams = defineProblem("too-many-streams", 429, "Too many streams are open");

export interface Places {
  /** Throws the 429 when all of the account's are taken, the 503 when all of the process are; answers how one is given back. */
  take(accountId: string): () => void;
}

export function createPlaces(max = STREAMS_MAX, processMax = PROCESS_STREAMS_MAX): Places {
  const taken = new Map<string, number>();
  let all = 0;
  return {
    take(accountId) {
      const before = taken.get(accountId) ?? 0;
      if (before >= max) throw new Problem(tooManyStreams, TOO_MANY(max), { headers: { "retry-after": "15" } });
      if (all >= processMax) throw new Problem(noStreamsLeft, NO_STREAMS_LEFT, { headers: { "retry-after": "15" } });
      taken.set(accountId, before + 1);
      all += 1;
      let isGivenBack = false;
      return () => {
        if (isGivenBack) return;
        isGivenBack = true;
        all -= 1;
        const left = (taken.get(accountId) ?? 1) - 1;
        if (left === 0) taken.delete(accountId);
        else taken.set(accountId, left);
      };
    },
  };
}

const NO_STREAMS_LEFT = "Ask again shortly: another server may answer, or somebody leave.";

const TOO_MANY = (max: number) =>
  `An account may watch ${max} streams at once, and has as many: close one, or share one among your viewers.`;
