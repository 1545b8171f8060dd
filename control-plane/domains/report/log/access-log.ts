// What of a batch's rows is looked for when it comes again. No I/O.
import { ACCESS_LOG_KEPT_DAYS, type AccessLogRow } from "../../../../agents/contract.ts";

/** As the table's TTL. */
export const KEPT_DAYS = ACCESS_LOG_KEPT_DAYS;
const DAY_MS = 24 * 3600 * 1000;

/** Where in time these rows lie, those of an earlier sending too: what had its time set right arrived earlier then. */
export function spanOf(rows: readonly AccessLogRow[], receivedAt: Date): { from: Date; to: Date } {
  let from = receivedAt.getTime();
  let to = from;
  for (const row of rows) {
    const at = row.time === row.edge_time ? Number(row.time) * 1000 : receivedAt.getTime() - KEPT_DAYS * DAY_MS;
    from = Math.min(from, at);
    to = Math.max(to, at);
  }
  return { from: new Date(from), to: new Date(to) };
}
