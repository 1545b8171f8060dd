// Lists page by cursor, newest first unless they say otherwise. The cursor is the position of the last row, so rows that come or go in between
// neither repeat nor hide others.
import { z } from "zod";
import { invalidRequest } from "../http/problems.ts";

const PAGE_LIMIT_MAX = 100;
const PAGE_LIMIT_DEFAULT = 25;

/** Spread into a route's query: `z.object({ ...pageQuery, status: … })`. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(PAGE_LIMIT_MAX).default(PAGE_LIMIT_DEFAULT),
  cursor: z.string().max(500).optional(),
};

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** What a list is ordered by. The id comes second, so that no two rows stand at one place. */
export interface Ordering {
  /** An SQL expression over the row; it stands in queries as it is. */
  readonly by: string;
  readonly type: "timestamptz" | "text";
  readonly direction: "asc" | "desc";
}

const newestFirst: Ordering = { by: "created_at", type: "timestamptz", direction: "desc" };

/** Select this beside the row: a timestamp keeps its microseconds as text, which a Date would cut off. */
export function pageKeyOf({ by }: Ordering): string {
  return `(${by})::text as page_key`;
}

export function orderOf({ by, direction }: Ordering): string {
  return `${by} ${direction}, id ${direction}`;
}

export const PAGE_KEY = pageKeyOf(newestFirst);
export const NEWEST_FIRST = orderOf(newestFirst);

interface PageRow {
  readonly id: string;
  readonly page_key: string;
}

// A cursor comes from outside: what Postgres would stumble over ends here.
const timestamp = z
  .string()
  .regex(/^[1-9]\d{3}-\d\d-\d\d ([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?[+-](0\d|1[0-4])(:[0-5]\d)?$/)
  .refine((text) => isDate(text.slice(0, 10)));
const text = z
  .string()
  .max(300)
  .refine((value) => !value.includes("\0"));
const positions = { timestamptz: z.tuple([timestamp, z.uuid()]), text: z.tuple([text, z.uuid()]) };

function isDate(day: string): boolean {
  const parsed = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(day);
}

/**
 * The condition for the rows of this page, to be used with the ordering and `limit + 1`:
 * `query.whereRaw(...rowsAfter(page)).orderByRaw(NEWEST_FIRST).limit(page.limit + 1)`.
 */
export function rowsAfter(page: PageQuery, ordering: Ordering = newestFirst): [sql: string, bindings: string[]] {
  if (page.cursor === undefined) return ["true", []];
  const [key, id] = readCursor(page.cursor, ordering);
  const side = ordering.direction === "desc" ? "<" : ">";
  return [`(${ordering.by}, id) ${side} (?::${ordering.type}, ?::uuid)`, [key, id]];
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
  return pictured(z.object({ data: z.array(item), next_cursor: z.string().nullable() }), item);
}

/** The reply shape of a list that is so short that its first page is all of it. */
export function wholeListSchema<Item extends z.ZodType>(item: Item) {
  return pictured(z.object({ data: z.array(item), next_cursor: z.null() }), item);
}

/** The example of a list is one of its item's examples. */
function pictured<List extends z.ZodType>(list: List, item: z.ZodType): List {
  const { examples } = item.meta() ?? {};
  return examples === undefined ? list : list.meta({ examples: [{ data: examples, next_cursor: null }] });
}

function writeCursor(row: PageRow): string {
  return Buffer.from(JSON.stringify([row.page_key, row.id])).toString("base64url");
}

function readCursor(cursor: string, { type }: Ordering): [string, string] {
  try {
    return positions[type].parse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")));
  } catch (error) {
    throw invalidRequest([{ pointer: "?cursor", detail: "is not a cursor of this list: start without one." }], error);
  }
}
