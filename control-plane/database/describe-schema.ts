// What the tables look like, as text that can be compared: docs/schema.sql is written from it, and a gate looks for drift.
import { z } from "zod";
import type { Reads } from "./transaction.ts";

const columns = z.array(z.object({ table: z.string(), line: z.string() }));

// Knex's own bookkeeping is none of the product's.
const OURS = "n.nspname = 'public' and c.relname not like 'knex\\_%'";

const COLUMNS = `
  select c.relname as table,
         format('  %s %s%s%s', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
                case when a.attnotnull then ' not null' else '' end,
                coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')) as line
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
  where c.relkind = 'r' and ${OURS}
  order by c.relname, a.attnum`;

const CONSTRAINTS = `
  select c.relname as table, format('  constraint %s %s', quote_ident(k.conname), pg_get_constraintdef(k.oid)) as line
  from pg_constraint k
  join pg_class c on c.oid = k.conrelid
  join pg_namespace n on n.oid = c.relnamespace
  where ${OURS} and k.contype <> 'n'
  order by c.relname, k.contype desc, k.conname`;

const INDEXES = `
  select c.relname as table, pg_get_indexdef(i.indexrelid) || ';' as line
  from pg_index i
  join pg_class c on c.oid = i.indrelid
  join pg_class x on x.oid = i.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
  where ${OURS} and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
  order by c.relname, x.relname`;

export async function describeSchema(reads: Reads): Promise<string> {
  const [inTables, constraints, indexes] = [
    await linesByTable(reads, COLUMNS),
    await linesByTable(reads, CONSTRAINTS),
    await linesByTable(reads, INDEXES),
  ];
  const tables = [...inTables].map(([table, lines]) => {
    const body = [...lines, ...(constraints.get(table) ?? [])].join(",\n");
    const after = (indexes.get(table) ?? []).map((line) => `${line}\n`).join("");
    return `create table "${table}" (\n${body}\n);\n${after}`;
  });
  return tables.join("\n");
}

async function linesByTable(reads: Reads, query: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const answer: { rows: unknown } = await reads.raw(query);
  const byTable = new Map<string, string[]>();
  for (const { table, line } of columns.parse(answer.rows)) byTable.set(table, [...(byTable.get(table) ?? []), line]);
  return byTable;
}
