// Every sealed value of the database, wherever it lies, for the rotation of the master key: the columns are found in the
// catalogue, so that no table can be forgotten. They are the jsonb columns called `sealed` or `…_sealed`.
import { z } from "zod";
import { type Envelope, type Seal, SealError, sealedSchema } from "../../platform/seal.ts";
import { type Database, inTransaction, type Reads, type Tx } from "./transaction.ts";

const BATCH_ROWS = 200;
const FAILURES_MAX = 20;

const columnSchema = z.object({
  table: z.string(),
  column: z.string(),
  key: z.array(z.object({ name: z.string(), type: z.string() })).min(1),
});
/** With the primary key by which its rows are told apart. */
export type SealedColumn = z.infer<typeof columnSchema>;

const COLUMNS = `
  select c.relname as table, a.attname as column,
         (select json_agg(json_build_object('name', k.attname, 'type', format_type(k.atttypid, k.atttypmod))
                          order by array_position(i.indkey::int2[], k.attnum))
          from pg_index i join pg_attribute k on k.attrelid = i.indrelid and k.attnum = any(i.indkey)
          where i.indrelid = c.oid and i.indisprimary) as key
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where n.nspname = 'public' and c.relkind = 'r' and a.atttypid = 'jsonb'::regtype
    and (a.attname = 'sealed' or a.attname like '%\\_sealed')
  order by c.relname, a.attname`;

export async function findSealedColumns(reads: Reads): Promise<readonly SealedColumn[]> {
  return z.array(columnSchema).parse(rowsOf(await reads.raw(COLUMNS)));
}

const countsSchema = z.array(z.object({ key: z.string(), values: z.number() }));

/** How many values each master key is needed for, by its id. */
export async function countByMasterKey(reads: Reads): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const { table, column } of await findSealedColumns(reads)) {
    const answer: unknown = await reads.raw(
      "select ??->>'key' as key, count(*) as values from ?? where ?? is not null group by 1",
      [column, table, column],
    );
    for (const { key, values } of countsSchema.parse(rowsOf(answer))) counts.set(key, (counts.get(key) ?? 0) + values);
  }
  return counts;
}

/** A value that its own master key does not open: it was changed. */
export interface RewrapFailure {
  readonly table: string;
  readonly row: string;
  readonly reason: string;
}

export interface Rewrapped {
  readonly values: number;
  readonly failures: readonly RewrapFailure[];
}

/**
 * Wraps anew what another master key than the current one wraps, a batch per transaction: whoever is killed in the middle
 * finds the rest at the next run. Rows are locked, so that nobody's change is overwritten.
 */
export async function rewrapSealed(
  db: Database,
  seal: Seal,
  { currentKey, progress }: { currentKey: string; progress: (column: SealedColumn, values: number) => void },
): Promise<Rewrapped> {
  const failures: RewrapFailure[] = [];
  let values = 0;
  for (const column of await findSealedColumns(db)) {
    let ofColumn = 0;
    let after: RowKey | undefined;
    for (;;) {
      const upTo = await findBatchEnd(db, { column, currentKey, after });
      if (upTo === undefined || failures.length >= FAILURES_MAX) break;
      const batch = { column, currentKey, after, upTo };
      const done = await inTransaction(db, (tx) => rewrapBatch(tx, seal, batch));
      ofColumn += done.values;
      failures.push(...done.failures);
      progress(column, ofColumn);
      after = upTo;
    }
    values += ofColumn;
  }
  return { values, failures };
}

/** The columns of a primary key as text, which loses no digit of them. */
type RowKey = readonly string[];

interface Rest {
  readonly column: SealedColumn;
  readonly currentKey: string;
  /** The last row of the batch before. */
  readonly after: RowKey | undefined;
}

const keysSchema = z.array(z.object({ key: z.array(z.string()) }));

/** Undefined: nothing is left. Looked up without locks, since `limit` with one misses rows that changed while it waited. */
async function findBatchEnd(reads: Reads, { column, currentKey, after }: Rest): Promise<RowKey | undefined> {
  const { names, marks, casts } = keyOf(column);
  const answer: unknown = await reads.raw(
    `select array[${names.map(() => "??::text").join(", ")}] as key from ??
     where ??->>'key' <> ? ${after === undefined ? "" : `and (${marks}) > (${casts})`}
     order by ${marks} limit ${BATCH_ROWS}`,
    [...names, column.table, column.column, currentKey, ...(after === undefined ? [] : [...names, ...after]), ...names],
  );
  return keysSchema.parse(rowsOf(answer)).at(-1)?.key;
}

async function rewrapBatch(tx: Tx, seal: Seal, batch: Rest & { readonly upTo: RowKey }): Promise<Rewrapped> {
  const { column } = batch;
  const failures: RewrapFailure[] = [];
  const rows = await lockBatch(tx, batch);
  for (const { key, sealed } of rows) {
    const rewrapped = rewrap(seal, sealed);
    if ("reason" in rewrapped) failures.push({ table: column.table, row: key.join(" "), ...rewrapped });
    else await updateRow(tx, column, key, rewrapped);
  }
  return { values: rows.length - failures.length, failures };
}

const rowsSchema = z.array(z.object({ key: z.array(z.string()), sealed: z.unknown() }));

async function lockBatch(tx: Tx, { column, currentKey, after, upTo }: Rest & { readonly upTo: RowKey }) {
  const { names, marks, casts } = keyOf(column);
  const answer: unknown = await tx.raw(
    `select array[${names.map(() => "??::text").join(", ")}] as key, ?? as sealed from ??
     where ??->>'key' <> ? and (${marks}) <= (${casts}) ${after === undefined ? "" : `and (${marks}) > (${casts})`}
     order by ${marks} for update`,
    [
      ...names,
      column.column,
      column.table,
      column.column,
      currentKey,
      ...names,
      ...upTo,
      ...(after === undefined ? [] : [...names, ...after]),
      ...names,
    ],
  );
  return rowsSchema.parse(rowsOf(answer));
}

async function updateRow(tx: Tx, column: SealedColumn, key: RowKey, sealed: Envelope): Promise<void> {
  const { names, marks, casts } = keyOf(column);
  await tx.raw(`update ?? set ?? = ?::jsonb where (${marks}) = (${casts})`, [
    column.table,
    column.column,
    JSON.stringify(sealed),
    ...names,
    ...key,
  ]);
}

/** For knex: a `??` per column of the key, and a `?` that is cast to the column's type. */
function keyOf({ key }: SealedColumn) {
  return {
    names: key.map(({ name }) => name),
    marks: key.map(() => "??").join(", "),
    casts: key.map(({ type }) => `cast(? as ${type})`).join(", "),
  };
}

function rewrap(seal: Seal, stored: unknown): Envelope | { readonly reason: string } {
  const sealed = sealedSchema.safeParse(stored);
  if (!sealed.success) return { reason: "is no sealed value" };
  if (sealed.data.format === 1) return { reason: "is of a format that cannot be rewrapped" };
  try {
    return seal.rewrap(sealed.data);
  } catch (error) {
    if (error instanceof SealError) return { reason: error.message };
    throw error;
  }
}

function rowsOf(answer: unknown): unknown {
  return z.object({ rows: z.unknown() }).parse(answer).rows;
}
