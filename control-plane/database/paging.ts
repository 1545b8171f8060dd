// Lists page by cursor, newest first. The cursor is the position of the last row, so rows that come or go in between
// neither repeat nor hide others.
import { z } from "zod";
import { invalidRequest } from "../http/problems.ts";

const PAGE_LIMIT_MAX = 100;
const PAGE_LIMIT_DEFAULT = 25;

/** Spread into a route's query: `z.object({ ...pageQuery, status: … })`. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(PAGE_LIMIT_MAX).default(PAGE_LIMIT_DEFAULT),
  cursor: z.string().max(200).optional(),
};

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Select this beside the row: a timestamp keeps its microseconds as text, which a Date would cut off. */
export const PAGE_KEY = "created_at::text as page_key";
export const NEWEST_FIRST = "created_at desc, id desc";

interface PageRow {
  readonly id: string;
  readonly page_key: string;
}

const positionSchema = z.tuple([
  z.string().regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d(:\d\d)?$/),
  z.uuid(),
]);

/**
 * The condition for the rows of this page, to be used with `NEWEST_FIRST` and `limit + 1`:
 * `query.whereRaw(...rowsAfter(page)).orderByRaw(NEWEST_FIRST).limit(page.limit + 1)`.
 */
export function rowsAfter(page: PageQuery): [sql: string, bindings: string[]] {
  if (page.cursor === undefined) return ["true", []];
  const [key, id] = readCursor(page.cursor);
  return ["(created_at, id) < (?::timestamptz, ?::uuid)", [key, id]];
}

/** Cuts `limit + 1` rows to the page and says where the next one begins. */
export function pageOf<Row extends PageRow, Item>(
  rows: readonly Row[],
  page: PageQuery,
  present: (row: Row) => Item,
): { data: Item[]; next_cursor: string | null } {
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const hasMore = rows.length > page.limit && last !== undefined;
  return { data: shown.map(present), next_cursor: hasMore ? writeCursor(last) : null };
}

/** The reply shape of a list. */
export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.object({ data: z.array(item), next_cursor: z.string().nullable() });
}

function writeCursor(row: PageRow): string {
  return Buffer.from(JSON.stringify([row.page_key, row.id])).toString("base64url");
}

function readCursor(cursor: string): [string, string] {
  try {
    return positionSchema.parse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")));
  } catch (error) {
    throw invalidRequest([{ pointer: "?cursor", detail: "is not a cursor of this list: start without one." }], error);
  }
}
