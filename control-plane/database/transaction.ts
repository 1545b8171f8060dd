// Who may write: functions whose writes must agree demand a `Tx`; functions that only read take `Reads`. A transaction
// also knows which cached things it makes stale, and whoever guards the caches is asked before and after the commit.
import type { Knex } from "knex";
import { createScope } from "../../platform/scope.ts";

export type Database = Knex;
export type Tx = Knex.Transaction;
export type Reads = Database | Tx;

/** `unknown`: the commit failed. Postgres may have heard it all the same, and may still be at it. */
export type Outcome = "committed" | "unknown";

/**
 * Asked with what a transaction has changed, before its commit. What it returns is called with the outcome, before
 * whoever began the transaction hears of it; after an unknown one it must not throw, because that error counts.
 */
export type CommitGuard = (tx: Tx, stale: ReadonlySet<string>) => Promise<(outcome: Outcome) => Promise<void>>;

const guards = new WeakMap<Database, CommitGuard>();
const staleBy = new WeakMap<Tx, Set<string>>();
const ambient = createScope<{ readonly db: Database; readonly tx: Tx }>();

/** One guard for every transaction of this connection. */
export function guardCommits(db: Database, guard: CommitGuard): void {
  guards.set(db, guard);
}

/** Says that what is cached under this name is old once the transaction commits. */
export function makeStale(tx: Tx, name: string): void {
  staleBy.get(tx)?.add(name);
}

/**
 * Runs the work in one transaction: committed when it resolves, rolled back when it throws. No network inside. Within
 * a unit of work it is a part of that one: a savepoint.
 */
export async function inTransaction<T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  const outer = ambient.read();
  if (outer?.db !== db) return begin(db, work);
  return outer.tx.transaction((tx) => {
    staleBy.set(tx, staleOf(outer.tx));
    return work(tx);
  });
}

/** One transaction around every `inTransaction` that the work leads to, for answers that are stored with what they tell. */
export function inUnitOfWork<T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  return begin(db, (tx) => ambient.run({ db, tx }, () => work(tx)));
}

/** One consistent view over several reads. */
export function inSnapshot<T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  return db.transaction(work, { isolationLevel: "repeatable read", readOnly: true });
}

async function begin<T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  const guard = guards.get(db);
  let release = async (_outcome: Outcome) => {};
  let outcome: Outcome = "unknown";
  try {
    const committed = await db.transaction(async (tx) => {
      const stale = new Set<string>();
      staleBy.set(tx, stale);
      const result = await work(tx);
      if (guard !== undefined && stale.size > 0) release = await guard(tx, stale);
      return result;
    });
    outcome = "committed";
    return committed;
  } finally {
    await release(outcome);
  }
}

function staleOf(tx: Tx): Set<string> {
  const stale = staleBy.get(tx);
  if (stale === undefined) throw new Error("a transaction that was not begun here");
  return stale;
}
