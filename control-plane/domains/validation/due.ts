// Looks at all names that are due, several at once, in one job: resolvers that keep us waiting must not take the places of
// jobs that deploy.
import type { Logger } from "../../../platform/log.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import { takeDue } from "./store.ts";

const AT_ONCE = 16;
/** Should this process die, what it took is due again after this. */
const LEASE_MS = 10 * 60_000;
/** No new ones are taken after this: the next run goes on. */
const RUN_MS = 60_000;

export interface DueSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly look: { look(name: string, signal: AbortSignal): Promise<unknown> };
  readonly log: Logger;
}

/** One run at a time in this process; whoever comes while it is at work makes it look once more at what is due. */
export function createDueLooks({ db, clock, look, log }: DueSettings) {
  let isRunning = false;
  let isAskedAgain = false;

  async function run(signal: AbortSignal): Promise<void> {
    isAskedAgain = true;
    if (isRunning) return;
    isRunning = true;
    try {
      await lookUntilNoneIsDue(signal);
    } finally {
      isRunning = false;
    }
  }

  async function lookUntilNoneIsDue(signal: AbortSignal): Promise<void> {
    const end = performance.now() + RUN_MS;
    while (isAskedAgain && performance.now() < end) {
      isAskedAgain = false;
      const names = await take();
      if (names.length > 0) isAskedAgain = true;
      await Promise.all(names.map((name) => lookAt(name, signal)));
      signal.throwIfAborted();
    }
  }

  function take(): Promise<readonly string[]> {
    const now = clock();
    const until = new Date(now.getTime() + LEASE_MS);
    return inTransaction(db, (tx) => takeDue(tx, { now, until, limit: AT_ONCE }));
  }

  /** One name that cannot be looked at keeps no other from it. */
  async function lookAt(name: string, signal: AbortSignal): Promise<void> {
    try {
      await look.look(name, signal);
    } catch (error) {
      if (!signal.aborted) log.warn({ name, error }, "a domain could not be looked at");
    }
  }

  return { run };
}
