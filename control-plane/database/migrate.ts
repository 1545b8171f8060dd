// Brings a database's tables to what this checkout expects, and back. The migrations are the files in migrations/; all
// that are due run in one transaction, so a killed migration leaves the database as it was.
import { readdir } from "node:fs/promises";
import knex, { type Knex } from "knex";
import { z } from "zod";

const MIGRATIONS_FOLDER = new URL("../../migrations/", import.meta.url);
const CONNECT_TIMEOUT_MS = 5_000;
const LOCK_TIMEOUT_MS = 60_000;
// Any number will do, as long as every migrator of every version takes the same.
const MIGRATION_LOCK = 7_263_001;

const completedSchema = z.array(z.object({ name: z.string() }));

/** Runs what has not run yet and answers the names. A second migrator waits for the first, then finds nothing to do. */
export function migrateUp(databaseUrl: string): Promise<readonly string[]> {
  return alone(databaseUrl, async (db) => namesOf(await db.migrate.latest()));
}

/** Takes back the newest migration and answers its name; no name when none is left. */
export function migrateDown(databaseUrl: string): Promise<readonly string[]> {
  return alone(databaseUrl, async (db) => namesOf(await db.migrate.down()));
}

/** The migrations that this checkout has and the database has not. */
export function pendingMigrations(databaseUrl: string): Promise<readonly string[]> {
  return alone(databaseUrl, async (db) => {
    const [completed] = z.tuple([completedSchema, z.unknown()]).parse(await db.migrate.list());
    const done = new Set(completed.map((migration) => migration.name));
    return (await migrationFiles()).filter((name) => !done.has(name));
  });
}

/** Knex creates its own tables without a lock; the advisory one keeps two first starts from meeting there. */
async function alone<T>(databaseUrl: string, work: (db: Knex) => Promise<T>): Promise<T> {
  const db = knex({
    client: "pg",
    connection: { connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS },
    pool: { min: 0, max: 2 },
    migrations: { migrationSource: source },
  });
  try {
    return await db.transaction(async (tx) => {
      await tx.raw(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
      await tx.raw("select pg_advisory_xact_lock(?)", [MIGRATION_LOCK]);
      return work(db);
    });
  } finally {
    await db.destroy();
  }
}

// Knex's own loader requires the files itself, past the loader that understands TypeScript.
const source: Knex.MigrationSource<string> = {
  getMigrations: migrationFiles,
  getMigrationName: (name) => name,
  getMigration: async (name) => {
    const migration: Knex.Migration = await import(new URL(name, MIGRATIONS_FOLDER).href);
    return migration;
  },
};

async function migrationFiles(): Promise<string[]> {
  const files = await readdir(MIGRATIONS_FOLDER);
  return files.filter((file) => /^\d{4}_\w+\.ts$/.test(file)).sort();
}

const batchSchema = z.tuple([z.number(), z.array(z.string())]);

function namesOf(result: unknown): readonly string[] {
  return batchSchema.parse(result)[1];
}
