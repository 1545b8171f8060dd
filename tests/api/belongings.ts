// What is stored, as one text to compare: of everybody, or of one person.
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Database } from "../../control-plane/database/transaction.ts";

const tablesSchema = z.object({ rows: z.array(z.object({ table_name: z.string() })) });
const rowsSchema = z.object({ rows: z.array(z.object({ rows: z.string().nullable() })) });
// Being used is no change: when a token was last shown, who looked.
const USE = new Set(["api_token", "session"]);

/** A digest of every row, or of those that name one of the ids. */
export async function storedRows(db: Database, ids?: readonly string[]): Promise<string> {
  const listed: unknown = await db.raw(
    "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' order by 1",
  );
  const hash = createHash("sha256");
  for (const { table_name: table } of tablesSchema.parse(listed).rows) {
    if (USE.has(table)) continue;
    const condition = ids?.map(() => "t::text like ?").join(" or ") ?? "true";
    const found: unknown = await db.raw(
      `select string_agg(t::text, e'\\n' order by t::text) as rows from ?? t where ${condition}`,
      [table, ...(ids ?? []).map((id) => `%${id}%`)],
    );
    hash.update(`${table}:${rowsSchema.parse(found).rows[0]?.rows ?? ""}`);
  }
  return hash.digest("hex");
}
