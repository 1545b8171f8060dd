// The pool to Postgres. One per process; roles open and close it.
import knex from "knex";
import pg from "pg";
import type { Part } from "../../platform/lifecycle.ts";
import type { Database } from "./transaction.ts";

const INT8_OID = 20;
const CONNECT_TIMEOUT_MS = 5_000;
const ACQUIRE_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;

// bigint columns hold counters and revisions, which stay far below 2^53; as strings they would sort and add wrongly.
pg.types.setTypeParser(INT8_OID, Number);

export function connectDatabase(
  url: string,
  options: { poolMax: number; applicationName: string },
): { db: Database; part: Part } {
  const db = knex({
    client: "pg",
    connection: {
      connectionString: url,
      application_name: options.applicationName,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
    },
    pool: { min: 0, max: options.poolMax },
    acquireConnectionTimeout: ACQUIRE_TIMEOUT_MS,
    // Knex prints what it also throws, past our log: every failed attempt to connect.
    log: { warn: () => {}, error: () => {} },
  });
  return { db, part: { name: "database pool", stop: () => db.destroy() } };
}
