// A database of its own for each test file, cloned from the run's migrated template in some 30 ms. Tests only.
import { randomBytes } from "node:crypto";
import knex, { type Knex } from "knex";
import { inject } from "vitest";
import { z } from "zod";
import { connectDatabase } from "./connection.ts";
import type { Database } from "./transaction.ts";

const doorSchema = z.object({ url: z.string(), template: z.string() });
// The first to ask waits for initdb, the start and the migrations.
const DOOR_TIMEOUT_MS = 60_000;

export interface TestDatabase {
  readonly db: Database;
  readonly url: string;
  /** Closes the pool and drops the database, whoever else is still connected. */
  stop(): Promise<void>;
}

export async function createTestDatabase(): Promise<TestDatabase> {
  const answer = await fetch(inject("postgresDoor"), { signal: AbortSignal.timeout(DOOR_TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`no Postgres for the tests: ${await answer.text()}`);
  const postgres = doorSchema.parse(await answer.json());
  const name = `test_${randomBytes(8).toString("hex")}`;
  await createDatabase(postgres.url, name, postgres.template);
  const url = databaseUrl(postgres.url, name);
  const { db, part } = connectDatabase(url, { poolMax: 10, applicationName: "test" });
  return {
    db,
    url,
    stop: async () => {
      await part.stop();
      await onServer(postgres.url, (server) => server.raw("drop database ?? with (force)", [name]));
    },
  };
}

export async function createDatabase(serverUrl: string, name: string, template = "template0"): Promise<void> {
  await onServer(serverUrl, (server) =>
    server.raw("create database ?? template ?? strategy file_copy", [name, template]),
  );
}

/** The same server, another database. */
export function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function onServer(serverUrl: string, run: (server: Knex) => Promise<unknown>): Promise<void> {
  const server = knex({ client: "pg", connection: serverUrl, pool: { min: 0, max: 1 } });
  try {
    await run(server);
  } finally {
    await server.destroy();
  }
}
