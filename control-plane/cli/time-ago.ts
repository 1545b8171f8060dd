// A time as people write it on a command line: as such, or as how long ago it was.
import { z } from "zod";

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;
const UNITS_MS: Readonly<Record<string, number>> = { m: MINUTE_MS, h: HOUR_MS, d: 24 * HOUR_MS };

/** Undefined: it is neither. A day without a time begins at midnight in UTC. */
export function timeAgo(text: string, now: Date): Date | undefined {
  const [, count, unit = ""] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (count !== undefined) return new Date(now.getTime() - Number(count) * (UNITS_MS[unit] ?? 0));
  const forms = [z.iso.date(), z.iso.datetime({ offset: true }), z.iso.datetime({ offset: true, precision: -1 })];
  const isTime = forms.some((form) => form.safeParse(text).success);
  return isTime ? new Date(text) : undefined;
}
