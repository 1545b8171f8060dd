// Which part of a period the lists of whole days tell, and which the requests themselves must. No I/O.
import type { FieldFault } from "../../../../platform/problem.ts";
import { LINES_KEPT_DAYS } from "../counted/tables.ts";
import type { Period } from "../traffic/zone.ts";

export interface DaysAndRests {
  /** Whole days of UTC; undefined: there is none. */
  readonly days: Period | undefined;
  /** Before and after them. */
  readonly rests: readonly Period[];
}

const DAY_MS = 24 * 3600 * 1000;

export function splitByDays({ from, to }: Period, now: Date): DaysAndRests {
  // Nothing has happened yet after now: a day that runs is whole until then.
  const until = to < now ? to.getTime() : Math.ceil(to.getTime() / DAY_MS) * DAY_MS;
  const first = Math.ceil(from.getTime() / DAY_MS) * DAY_MS;
  const end = Math.floor(until / DAY_MS) * DAY_MS;
  if (first >= end) return { days: undefined, rests: [{ from, to }] };
  const rests = [
    { from, to: new Date(first) },
    { from: new Date(end), to: new Date(until) },
  ];
  return {
    days: { from: new Date(first), to: new Date(end) },
    rests: rests.filter((rest) => rest.from < rest.to),
  };
}

/** The requests themselves are kept for a shorter time than the lists. */
export function keptFaults({ rests }: DaysAndRests, now: Date): FieldFault[] {
  const oldest = now.getTime() - LINES_KEPT_DAYS * DAY_MS;
  if (rests.every((rest) => rest.from.getTime() >= oldest)) return [];
  const detail = `is too long ago for a part of a day: what is older than ${LINES_KEPT_DAYS} days is kept by days of UTC. Begin and end at midnight UTC.`;
  return [{ pointer: "?from", detail }];
}
