// What the log says of origins that cannot be resolved: a line when an origin's state changes, and now and then how many
// are in trouble. A DNS that is away for everybody must not fill the log.
import type { Logger } from "../../platform/log.ts";
import { ForbiddenAddress } from "./resolve.ts";

export interface OriginTroubles {
  /** This try failed so, or did not. */
  note(origin: string, fault: unknown): void;
  /** No document names it any more. */
  forget(origin: string): void;
}

type Trouble = "fails" | "is forbidden";

const PERIOD_MS = 60_000;
/** So many changes are told one by one in a period; the rest is in the count. */
const LINES_PER_PERIOD = 20;

export function createOriginTroubles(log: Logger, now: () => number = Date.now): OriginTroubles {
  const troubled = new Map<string, Trouble>();
  let periodBegan = now();
  let lines = 0;

  function beginPeriod(): void {
    if (now() - periodBegan < PERIOD_MS) return;
    periodBegan = now();
    lines = 0;
    if (troubled.size > 0)
      log.warn({ origins: troubled.size }, "origins in trouble: they cannot be resolved or are forbidden");
  }

  function tell(write: () => void): void {
    lines += 1;
    if (lines <= LINES_PER_PERIOD) write();
  }

  return {
    note: (origin, fault) => {
      beginPeriod();
      const is = troubleOf(fault);
      if (troubled.get(origin) === is) return;
      if (is === undefined) {
        troubled.delete(origin);
        return tell(() => log.info({ origin }, "an origin is resolved again"));
      }
      troubled.set(origin, is);
      const what = is === "fails" ? "an origin could not be resolved" : "an origin leads to a forbidden address";
      tell(() => log.warn({ error: fault, origin }, what));
    },
    forget: (origin) => void troubled.delete(origin),
  };
}

function troubleOf(fault: unknown): Trouble | undefined {
  if (fault === undefined) return undefined;
  return fault instanceof ForbiddenAddress ? "is forbidden" : "fails";
}
