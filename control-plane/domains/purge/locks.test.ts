// Who changes purges while others append takes the locks in their order: none of them is a deadlock's victim.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { inTransaction, type Tx } from "../../database/transaction.ts";
import {
  createDistribution,
  createEdge,
  createGroup,
  createTestWorld,
  report,
  scopeOf,
  type TestWorld,
} from "../deployment/test-world.ts";
import { lockScope } from "../feed/index.ts";
import { appendWaiting } from "./append.ts";
import { foldPurges } from "./forget.ts";
import { createPurgeService } from "./service.ts";
import { lockHeads } from "./store.ts";

const forever = new AbortController().signal;

let world: TestWorld;
let group: string;
let id: string;

beforeAll(async () => {
  world = await createTestWorld();
  group = await createGroup(world);
});
afterAll(() => world?.stop());
beforeEach(async () => {
  id = await createDistribution(world, `${randomUUID()}.example.com`);
});

const settings = () => ({ ...world, announce: () => {} });
const purgeAll = () => createPurgeService(world).request(world.customer, id, { all: true });

/** Begins something while a transaction holds one lock, and takes the next one when that waits. */
async function betweenLocks(
  first: (tx: Tx) => Promise<unknown>,
  begin: () => Promise<unknown>,
  next: (tx: Tx) => Promise<unknown>,
): Promise<void> {
  const { begun } = await inTransaction(world.db, async (tx) => {
    await first(tx);
    const begun = Promise.allSettled([begin()]);
    const waiting = () =>
      world
        .db("pg_locks")
        .join("pg_stat_activity", "pg_locks.pid", "pg_stat_activity.pid")
        .whereRaw("not granted and datname = current_database()");
    await expect.poll(waiting, { timeout: 10_000 }).not.toEqual([]);
    await next(tx);
    return { begun };
  });
  expect(await begun).toMatchObject([{ status: "fulfilled" }]);
}

test("a report that settles documents and purges, beside whoever appends", async () => {
  const edge = await createEdge(world, group);
  await world.compiler.deploy([id]);
  const { id: purgeId } = await purgeAll();
  await appendWaiting(settings());
  const { rev } = await scopeOf(world, group);
  await betweenLocks(
    (tx) => lockScope(tx, group),
    () => report(world, edge, { applied: rev }),
    (tx) => tx("purge_delivery").where({ purge_id: purgeId, scope: group }).update({ rev }),
  );
  const { status } = await createPurgeService(world).get(world.customer, { id, purgeId });
  expect(status).toBe("done");
});

test("a fold, beside a purge of everything after a restore", async () => {
  await world.compiler.deploy([id]);
  await purgeAll();
  await purgeAll();
  await appendWaiting(settings());
  await betweenLocks(
    (tx) => lockHeads(tx, [id]),
    () => foldPurges(settings(), id, forever),
    (tx) => lockScope(tx, group),
  );
  expect(await world.db("purge").where({ distribution_id: id, is_live: true })).toHaveLength(1);
});
