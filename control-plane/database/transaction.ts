// Who may write: functions whose writes must agree demand a `Tx`; functions that only read take `Reads`.
import type { Knex } from "knex";

export type Database = Knex;
export type Tx = Knex.Transaction;
export type Reads = Database | Tx;

/** Runs the work in one transaction: committed when it resolves, rolled back when it throws. No network inside. */
export function inTransaction<T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  return db.transaction(work);
}

/** One consistent view over several reads. */
export function inSnapshot<T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  return db.transaction(work, { isolationLevel: "repeatable read", readOnly: true });
}
