// Brings ClickHouse's tables to what this checkout expects. ClickHouse has no transactions, so each statement in
// migrations/clickhouse/ must be safe to run twice; a step is taken back by a further migration.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { z } from "zod";
import { type ClickHouse, connectClickHouse } from "./clickhouse.ts";
import { renderForCluster } from "./clickhouse-cluster.ts";

const MIGRATIONS_FOLDER = new URL("../../migrations/clickhouse/", import.meta.url);
const FILE_NAME = /^\d{4}_\w+\.sql$/;
/** Rows of a table that changes its shape are copied. */
const MIGRATION_TIMEOUT_MS = 6 * 3600 * 1000;
export const LEDGER = `CREATE TABLE IF NOT EXISTS clickhouse_migration
  (name String, hash String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))
  ENGINE = ReplacingMergeTree(applied_at) ORDER BY name`;

const appliedSchema = z.array(z.object({ name: z.string(), hash: z.string() }));

export interface Migration {
  readonly name: string;
  readonly hash: string;
  readonly statements: readonly Statement[];
}

export interface Statement {
  readonly text: string;
  /** A SELECT: the statement runs where it answers anything but 0. */
  readonly condition: string | undefined;
}

/**
 * Runs what has not run yet, in order, and answers their names. Two at once do no harm. With `cluster`: on all servers of
 * that cluster (clickhouse-cluster.ts).
 */
export async function migrateClickHouse(
  url: string,
  { cluster }: { readonly cluster?: string | undefined } = {},
): Promise<readonly string[]> {
  const { clickhouse, part } = connectClickHouse(url, { requestTimeoutMs: MIGRATION_TIMEOUT_MS });
  try {
    const pending = await findPending(clickhouse, await readMigrations(), cluster);
    for (const migration of pending) await applyMigration(clickhouse, migration, cluster);
    return pending.map((migration) => migration.name);
  } finally {
    await part.stop();
  }
}

export async function readMigrations(): Promise<readonly Migration[]> {
  const names = (await readdir(MIGRATIONS_FOLDER)).filter((name) => FILE_NAME.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, MIGRATIONS_FOLDER), "utf8");
      const hash = createHash("sha256").update(text).digest("hex");
      return { name, hash, statements: statementsOf(text) };
    }),
  );
}

const CONDITION = /^\s*-- if: (.+)$/;

/**
 * A statement ends with a semicolon at the end of a line; lines that begin with `--` are comments. One of them may say
 * `-- if: SELECT …`: for what ClickHouse has no `IF EXISTS` for, since each statement must be safe to run twice.
 */
export function statementsOf(text: string): readonly Statement[] {
  return text
    .split(/;[ \t]*(?:\n|$)/)
    .map((part) => {
      const lines = part.split("\n");
      const conditions = lines.map((line) => CONDITION.exec(line)?.[1]);
      return {
        text: lines
          .filter((line) => !line.trimStart().startsWith("--"))
          .join("\n")
          .trim(),
        condition: conditions.find((condition) => condition !== undefined),
      };
    })
    .filter((statement) => statement.text !== "");
}

async function findPending(
  clickhouse: ClickHouse,
  migrations: readonly Migration[],
  cluster: string | undefined,
): Promise<readonly Migration[]> {
  for (const query of rendered(LEDGER, cluster)) await clickhouse.command({ query });
  const answer = await clickhouse.query({
    query: "SELECT name, hash FROM clickhouse_migration FINAL",
    format: "JSONEachRow",
  });
  const applied = new Map(appliedSchema.parse(await answer.json()).map((row) => [row.name, row.hash]));
  const changed = migrations.find(({ name, hash }) => applied.has(name) && applied.get(name) !== hash);
  if (changed !== undefined) {
    throw new Error(`${changed.name} was changed after it had run: put it back and write a further migration.`);
  }
  return migrations.filter(({ name }) => !applied.has(name));
}

/** What is sent for one statement of a migration. */
export function rendered(statement: string, cluster: string | undefined): readonly string[] {
  return cluster === undefined ? [statement] : renderForCluster(statement, cluster);
}

async function applyMigration(
  clickhouse: ClickHouse,
  { name, hash, statements }: Migration,
  cluster: string | undefined,
): Promise<void> {
  for (const { text, condition } of statements) {
    if (condition !== undefined && !(await holds(clickhouse, condition))) continue;
    for (const query of rendered(text, cluster)) {
      // Rows that are copied are on their shard when the statement is over.
      await clickhouse.command({ query, clickhouse_settings: { distributed_foreground_insert: 1 } });
    }
  }
  await clickhouse.insert({ table: "clickhouse_migration", values: [{ name, hash }], format: "JSONEachRow" });
}

async function holds(clickhouse: ClickHouse, condition: string): Promise<boolean> {
  const answer = await clickhouse.query({ query: condition, format: "TabSeparated" });
  return (await answer.text()).trim() !== "0";
}
