// Versions are listed by their numbers, the newest first: the cursor is the last number of a page, and the next one begins
// below it.
import { z } from "zod";
import { pageQuery } from "./paging.ts";

/** What an integer column holds. */
const NUMBER_MAX = 2_147_483_647;

export const numberSchema = z.int().min(1).max(NUMBER_MAX);
/** In a path or a query. */
export const numberText = z.coerce.number().int().min(1).max(NUMBER_MAX);

export const numberedQuery = z.object({
  limit: pageQuery.limit,
  cursor: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, { error: "is not a cursor of this list: start without one." })
    .transform(Number)
    .optional(),
});
type NumberedQuery = z.output<typeof numberedQuery>;

/** Which rows to find: one more than the page shows, to see whether there is a next one. */
export interface NumberedRange {
  readonly before: number | undefined;
  readonly limit: number;
}

export function rangeOf({ cursor, limit }: NumberedQuery): NumberedRange {
  return { before: cursor, limit: limit + 1 };
}

export function numberedPageOf<Row extends { readonly number: number }, Item>(
  rows: readonly Row[],
  { limit }: NumberedQuery,
  present: (row: Row) => Item,
): { data: Item[]; next_cursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { data: shown.map(present), next_cursor: hasMore ? String(last.number) : null };
}
