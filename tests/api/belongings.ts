// What is stored, as one text to compare: of everybody, or of one person.
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Database } from "../../control-plane/database/transaction.ts";

const tablesSchema = z.object({ rows: z.array(z.object({ name: z.string() })) });
const rowsSchema = z.object({ rows: z.array(z.object({ name: z.string(), rows: z.string() })) });
// Being used is no change: when a token was last shown, who looked.
const USE = ["api_token", "session"];

/** A digest of every row, or of those that name one of the ids. All tables are read by one question: it is asked often. */
export async function storedRows(db: Database, ids?: readonly string[]): Promise<string> {
  const tables = await tablesOf(db);
  const condition = ids === undefined ? "" : "where t::text like any (?)";
  const one = `select ? as name, coalesce(string_agg(t::text, e'\\n' order by t::text), '') as rows from ?? t ${condition}`;
  const wanted = ids === undefined ? [] : [ids.map((id) => `%${id}%`)];
  const found: unknown = await db.raw(
    `${tables.map(() => one).join(" union all ")} order by name`,
    tables.flatMap((table) => [table, table, ...wanted]),
  );
  const hash = createHash("sha256");
  for (const { name, rows } of rowsSchema.parse(found).rows) hash.update(`${name}:${rows}`);
  return hash.digest("hex");
}

async function tablesOf(db: Database): Promise<readonly string[]> {
  const listed: unknown = await db.raw(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
  );
  return tablesSchema
    .parse(listed)
    .rows.map(({ name }) => name)
    .filter((name) => !USE.includes(name))
    .sort();
}
