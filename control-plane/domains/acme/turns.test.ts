// Whose turn it is: orders of one name one after the other, whatever worker has them; no more than an authority allows; and no
// proof is shown to it before every edge has it.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { insertPerson } from "../distribution/test-customer.ts";
import type { AcmeSettings } from "./acme.ts";
import { saveNodeProgress } from "./test-edges.ts";
import {
  certificateWhen,
  createTestWorld,
  eventually,
  getCertificate,
  orderWhen,
  startTestNames,
  type TestNames,
  type TestWorld,
  wish,
} from "./test-world.ts";

const HOUR_MS = 3_600_000;

// An authority that is asked while other tests keep the machine busy.
vi.setConfig({ testTimeout: 120_000 });

let names: TestNames;
let world: TestWorld;

beforeAll(async () => {
  names = await startTestNames();
  world = await createTestWorld(names, { pebble: { authorizationReusePercent: 0 } });
});
afterAll(async () => {
  await world.stop();
  await names.stop();
});

/** Ends with its test, also when that fails. */
function startWorker(more: Partial<AcmeSettings> = {}): void {
  const worker = world.startWorker(more);
  onTestFinished(() => worker.stop());
}

async function wanted(...asked: readonly string[]): Promise<string> {
  const id = await wish(world.db, asked, { customer: world.customer });
  await world.ask(id);
  return id;
}

test("three workers on five orders: each name is with one order at a time, and each certificate is issued once", async () => {
  const ids = [];
  for (let n = 0; n < 5; n += 1) ids.push(await wanted("shared.test", `own-${n}.test`));
  const holders: number[] = [];
  for (const _ of [1, 2, 3]) startWorker();
  await eventually(
    async () => {
      const held = await world.db("acme_name").where({ name: "shared.test" });
      const busy = await world
        .db("acme_order")
        .whereIn("state", ["ordering", "challenging", "finalizing", "downloading"]);
      holders.push(held.length, busy.length);
      return world.db("acme_order").whereNull("ended_at");
    },
    (open) => open.length === 0,
  );
  for (const id of ids) expect(await getCertificate(world.db, id)).toMatchObject({ status: "active", version: 1 });
  expect(Math.max(...holders)).toBe(1);
});

test("a registered domain whose tokens are spent waits, says until when, and goes on when one has come; others do not wait", async () => {
  startWorker({ limits: { ordersPerAccount: 300, certificatesPerDomain: 2 } });
  for (const label of ["a", "b"]) {
    const id = await wanted(`${label}.limited.test`);
    await certificateWhen(world.db, id, ({ status }) => status === "active");
  }
  const third = await wanted("c.limited.test");
  const waiting = await certificateWhen(world.db, third, ({ statusReason }) => statusReason !== null);
  expect(waiting).toMatchObject({
    status: "pending",
    statusReason:
      "The certificate authority allows only so many certificates for limited.test and the names below it (2 in 7 days); it is ordered in 4 days.",
  });
  const other = await wanted("unlimited.test");
  await certificateWhen(world.db, other, ({ status }) => status === "active");
  expect(await getCertificate(world.db, third)).toMatchObject({ status: "pending" });
  world.passTime(85 * HOUR_MS);
  expect(await certificateWhen(world.db, third, ({ status }) => status === "active")).toMatchObject({
    statusReason: null,
  });
});

test("what one account asks for leaves orders to the others", async () => {
  startWorker({ limits: { ordersPerAccount: 3, certificatesPerDomain: 50 } });
  world.passTime(24 * HOUR_MS);
  const first = await wanted("greedy-1.test");
  await certificateWhen(world.db, first, ({ status }) => status === "active");
  const second = await wanted("greedy-2.test");
  const waiting = await certificateWhen(world.db, second, ({ statusReason }) => statusReason !== null);
  expect(waiting.statusReason).toContain("of which this account may have 1 in 3 hours");
});

test("the authority is told only when every edge that was seen lately has the proof", async () => {
  world.passTime(24 * HOUR_MS);
  const slow = await saveNodeProgress(world.db, { scope: world.scope, applied: 0, now: world.clock() });
  world.edges.asked.length = 0;
  const id = await wanted("patient.test");
  startWorker();
  const rev = await eventually(
    async () => (await world.db("feed_record").where({ kind: "challenge", op: "put" }).first())?.rev,
    (found) => found !== undefined,
  );
  expect(world.edges.asked).toEqual([]);
  expect(await orderWhen(world.db, id, () => true)).toMatchObject({ state: "challenging" });
  await slow.reach(rev, world.clock());
  await certificateWhen(world.db, id, ({ status }) => status === "active");
});

test("an edge that was not seen for a minute holds nobody up", async () => {
  await saveNodeProgress(world.db, {
    scope: world.scope,
    applied: 0,
    now: new Date(world.clock().getTime() - HOUR_MS),
  });
  await world.db("edge_node").where("applied", ">", 0).delete();
  startWorker();
  await certificateWhen(world.db, await wanted("alone.test"), ({ status }) => status === "active");
});

test("a group that is made while an order is proven gets its challenge too, and loses it with the others", async () => {
  const slow = await saveNodeProgress(world.db, { scope: world.scope, applied: 0, now: world.clock() });
  onTestFinished(async () => {
    await world.db("edge_node").delete();
  });
  const id = await wanted("joined.test");
  const puts = () => world.db("feed_record").where({ kind: "challenge", op: "put" });
  startWorker();
  await eventually(puts, ({ length }) => length === 1);
  const added = await world.createGroup("added");
  const records = await eventually(puts, ({ length }) => length === 2);
  expect(records.map(({ scope }) => scope).sort()).toEqual([world.scope, added].sort());
  await slow.reach(Math.max(...records.map(({ rev }) => rev)), world.clock());
  await certificateWhen(world.db, id, ({ status }) => status === "active");
  await eventually(puts, ({ length }) => length === 0);
});

test("a name that another account is served under by now gets no certificate, however far its order is", async () => {
  const id = await wanted("lost.test");
  await world
    .db("acme_order")
    .where({ certificate_id: id })
    .update({ state: "finalizing", order_url: "https://127.0.0.1:1/x" });
  const other = await insertPerson(world.db, "winner");
  await world
    .db("domain")
    .insert({ id: randomUUID(), account_id: other.accountId, name: "lost.test", is_serving: true });
  startWorker();
  const failed = await certificateWhen(world.db, id, ({ status }) => status === "failed");
  expect(failed).toMatchObject({ renewAt: null });
  expect(failed.statusReason).toMatch(/^lost\.test is served for another account by now/);
});

test("a step that forgets its signal keeps no order when its worker stops", async () => {
  const id = await wanted("stuck.test");
  const worker = world.startWorker({ precheck: () => new Promise(() => {}) });
  await orderWhen(world.db, id, ({ lease }) => lease !== null);
  await worker.stop();
  expect(await orderWhen(world.db, id, () => true)).toMatchObject({ state: "waiting", lease: null });
  startWorker();
  await certificateWhen(world.db, id, ({ status }) => status === "active");
});
