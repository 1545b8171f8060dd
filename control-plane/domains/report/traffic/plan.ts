// Which table answers which part of a period: of those that tell what is asked the coarsest that is exact. No I/O.
import type { Table } from "./lanes.ts";
import type { Period } from "./zone.ts";

export interface Segment {
  readonly table: Table;
  /** Apart, in order. */
  readonly ranges: readonly Range[];
}

/** Milliseconds since 1970; the end is not part of it. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Either the segments, or the part of the period that no table tells any more. */
export type Plan = { readonly segments: readonly Segment[] } | { readonly untold: Range };

const DAY_MS = 24 * 3600 * 1000;

/** `tables`: the coarsest first. `cuts`: where points begin. No bucket may lie on both sides of one, or of an end of the period. */
export function planOf(period: Period, cuts: readonly Date[], tables: readonly Table[], now: Date): Plan {
  const whole = { start: period.from.getTime(), end: period.to.getTime() };
  const edges = [...new Set([whole.start, whole.end, ...cuts.map((cut) => cut.getTime())])].sort((a, b) => a - b);
  const segments: Segment[] = [];
  let left: readonly Range[] = [whole];
  for (const table of tables) {
    const oldest = now.getTime() - table.keptDays * DAY_MS;
    const split = left.map((range) => splitRange(range, edges, table.bucketMs ?? 1, oldest));
    const ranges = joined(split.flatMap(({ told }) => told));
    if (ranges.length > 0) segments.push({ table, ranges });
    left = joined(split.flatMap(({ rest }) => rest));
  }
  const [untold] = left;
  return untold === undefined ? { segments } : { untold };
}

/** What of the range a table of such buckets tells exactly, and the rest. */
function splitRange(range: Range, edges: readonly number[], bucketMs: number, oldest: number) {
  const floor = (at: number) => Math.floor(at / bucketMs) * bucketMs;
  const ceil = (at: number) => Math.ceil(at / bucketMs) * bucketMs;
  const begin = Math.max(ceil(range.start), ceil(oldest));
  const end = floor(range.end);
  if (begin >= end) return { told: [], rest: [range] };

  const told: Range[] = [];
  const rest: Range[] = [{ start: range.start, end: begin }];
  let at = begin;
  for (const edge of edges) {
    // Buckets that an edge lies within are left to a finer table.
    if (edge <= at || edge >= end || edge === floor(edge)) continue;
    told.push({ start: at, end: floor(edge) });
    rest.push({ start: floor(edge), end: ceil(edge) });
    at = ceil(edge);
  }
  told.push({ start: at, end });
  rest.push({ start: end, end: range.end });
  return { told, rest };
}

/** Without empty ones; what follows without a gap is one. */
function joined(ranges: readonly Range[]): readonly Range[] {
  const result: Range[] = [];
  for (const range of ranges) {
    if (range.start >= range.end) continue;
    const last = result.at(-1);
    if (last !== undefined && last.end === range.start) result[result.length - 1] = { ...last, end: range.end };
    else result.push(range);
  }
  return result;
}
