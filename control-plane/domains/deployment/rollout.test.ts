import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { COMPILER_VERSION } from "../../../edge-templates/index.ts";
import { connectDatabase } from "../../database/connection.ts";
import type { EdgeCaller } from "../../http/caller.ts";
import { openFeed } from "../feed/feed.ts";
import { compilerName } from "./newest-compiler.ts";
import { advanceRollout, beginRollout, createRolloutService } from "./rollout.ts";
import { findRollouts } from "./rollout-store.ts";
import {
  createDistribution,
  createEdge,
  createGroup,
  createTestWorld,
  log,
  recordsOf,
  report,
  scopeOf,
  type TestWorld,
} from "./test-world.ts";

const limits = { settleSeconds: 60, refusalsMax: 0 };
const signal = () => AbortSignal.timeout(10_000);

let world: TestWorld;
let canary: string;
let other: string;
let tried: EdgeCaller;
let ids: readonly string[];

beforeAll(async () => {
  world = await createTestWorld();
});
afterAll(() => world?.stop());

/** A platform that an older compiler has served so far, and whose documents this one makes otherwise. */
beforeEach(async () => {
  await world.db.raw("truncate edge_group, distribution, domain, deployment_rollout, outbox cascade");
  [canary, other] = [await createGroup(world, "canary"), await createGroup(world, "other")];
  [tried] = [await createEdge(world, canary, "canary-1"), await createEdge(world, other, "other-1")];
  await world.edgeGroups.update(world.customer, canary, { is_canary: true });
  ids = [await createDistribution(world, "a.example.com"), await createDistribution(world, "b.example.com")];
  await world.compiler.deploy(ids);
  for (const group of [canary, other]) await world.compiler.deployStructure(group);
  const older = { compiler_version: COMPILER_VERSION - 1 };
  await world.db("feed_record").update({ ...older, hash: world.db.raw("repeat('0', 64)") });
  await world.db("feed").update(older);
  await world.db("outbox").delete();
  await openFeed(world.db, { signer: world.signer, now: world.clock() });
});

interface Job {
  readonly id: string;
  readonly job: string;
  readonly payload: never;
}

/** As a worker does, until nothing is left to do. */
async function work(): Promise<void> {
  for (;;) {
    const job: Job | undefined = await world.db("outbox").orderBy("seq").first();
    if (job === undefined) return;
    await world.db("outbox").where({ id: job.id }).delete();
    const { compiler } = world;
    const handlers: Record<string, (payload: never) => Promise<void>> = {
      "deployment.compiler-changed": ({ compiler_version }) => beginRollout(world.db, compiler_version, world.clock()),
      "deployment.recompile": (payload) => compiler.recompile(payload),
      "deployment.settle": ({ scope }) => world.reports.settleAll(scope, signal()),
      "distribution.changed": ({ distribution_id }) => compiler.deploy([distribution_id]),
      "edge-group.changed": ({ group_id }) => compiler.deployStructure(group_id),
    };
    await handlers[job.job]?.(job.payload);
  }
}

const advance = () => advanceRollout({ db: world.db, clock: world.clock, limits, log });
const stateOf = async () => (await findRollouts(world.db))[0]?.state;

/** Of documents and nginx files. */
async function compiledBy(scope: string): Promise<readonly number[]> {
  const records = (await recordsOf(world, scope)).filter(({ kind }) => ["document", "structure"].includes(kind));
  return [...new Set(records.map(({ compiler_version }) => compiler_version))];
}

async function reportAll(changes: Partial<Parameters<typeof report>[2]> = {}): Promise<void> {
  await report(world, tried, { applied: (await scopeOf(world, canary)).rev, ...changes });
}

test("goes to the canary alone, and to the others once that has had it for a minute", async () => {
  await work();
  expect(await compiledBy(canary)).toEqual([COMPILER_VERSION]);
  expect(await compiledBy(other)).toEqual([COMPILER_VERSION - 1]);
  await advance();
  expect(await stateOf()).toBe("canary");

  await reportAll();
  await advance();
  world.passTime(59_000);
  await reportAll();
  await advance();
  await work();
  expect([await stateOf(), await compiledBy(other)]).toEqual(["canary", [COMPILER_VERSION - 1]]);

  world.passTime(1_500);
  await advance();
  await work();
  expect([await stateOf(), await compiledBy(other)]).toEqual(["done", [COMPILER_VERSION]]);
});

test("what customers change meanwhile goes everywhere", async () => {
  await work();
  const [changed = ""] = ids;
  await world.distributions.update(world.customer, changed, { host_header: "changed.example.com" });
  await work();
  const versions = (await recordsOf(world, other)).flatMap(({ id, compiler_version }) =>
    ids.includes(id) ? [{ id, compiler_version }] : [],
  );
  expect(versions).toHaveLength(2);
  for (const { id, compiler_version } of versions) {
    expect(compiler_version).toBe(id === changed ? COMPILER_VERSION : COMPILER_VERSION - 1);
  }
  const renewed = await createGroup(world, "late");
  await createEdge(world, renewed, "late-1");
  await work();
  expect(await compiledBy(renewed), "a group that is new has nothing to lose").toEqual([COMPILER_VERSION]);
});

test("stops when the canary refuses what it did not refuse before, until an operator decides", async () => {
  await work();
  const [refused = ""] = ids;
  const rev = (await recordsOf(world, canary)).find(({ id }) => id === refused)?.rev ?? 0;
  await reportAll({ refused: [{ kind: "document", id: refused, rev, stage: "probe", message: "answered 502" }] });
  await advance();
  world.passTime(120_000);
  await advance();
  await work();
  expect(await findRollouts(world.db)).toMatchObject([{ state: "stopped", refused: 1 }]);
  expect(await compiledBy(other)).toEqual([COMPILER_VERSION - 1]);

  const rollouts = createRolloutService({ db: world.db });
  const [rollout] = await rollouts.list();
  await rollouts.goOn(world.customer, rollout?.id ?? "");
  await work();
  expect([await stateOf(), await compiledBy(other)]).toEqual(["done", [COMPILER_VERSION]]);
  await expect(rollouts.stop(world.customer, rollout?.id ?? "")).rejects.toMatchObject({ detail: /done/ });
  const deeds: { action: string }[] = await world.db("audit_entry").where({ resource_id: rollout?.id });
  expect(deeds.map(({ action }) => action)).toEqual(["deployment-rollout.continue"]);
});

test("counts edges that refuse the nginx files, but nothing that was refused before", async () => {
  const structure = { kind: "structure", id: canary, rev: 1, stage: "taste", message: "no such disk" } as const;
  await reportAll({ applied: 0, refused: [structure] });
  await work();
  await reportAll({ refused: [structure] });
  await advance();
  expect(await stateOf()).toBe("canary");
  const second = await createEdge(world, canary, "canary-2");
  await report(world, second, { applied: 0, refused: [structure] });
  await advance();
  expect(await findRollouts(world.db)).toMatchObject([{ state: "stopped", refused: 1 }]);
});

test("waits for an edge that is still at it, and for one to be there at all", async () => {
  await work();
  await reportAll();
  const slow = await createEdge(world, canary, "canary-2");
  await report(world, slow, { applied: 0 });
  await advance();
  expect((await findRollouts(world.db))[0]).toMatchObject({
    quiet_since: null,
    reason: expect.stringContaining("apply"),
  });
  world.passTime(120_000);
  await advance();
  expect((await findRollouts(world.db))[0]).toMatchObject({
    state: "canary",
    reason: expect.stringContaining("no edge"),
  });
});

test("an older worker leaves the work to a newer one that is there, and does it when that one is gone", async () => {
  await work();
  const newer = COMPILER_VERSION + 1;
  const applicationName = compilerName(newer);
  const { db, part } = connectDatabase(world.database.url, { poolMax: 1, applicationName });
  await db("feed").update({ compiler_version: newer });
  await beginRollout(world.db, newer, world.clock());
  const rollout = { id: (await findRollouts(world.db))[0]?.id ?? "", stage: "canary" } as const;
  const [changed = ""] = ids;
  await world.distributions.update(world.customer, changed, { host_header: "changed.example.com" });
  const before = await recordsOf(world, canary);

  const { compiler } = world;
  await expect(compiler.deploy([changed])).rejects.toThrow(`compiler ${newer}`);
  await expect(compiler.deployStructure(canary)).rejects.toThrow(`compiler ${newer}`);
  const lastPage = { after: "ffffffff-ffff-4fff-bfff-ffffffffffff", rollout };
  await expect(compiler.recompile(lastPage)).rejects.toThrow(`compiler ${newer}`);
  expect(await recordsOf(world, canary)).toEqual(before);
  expect((await findRollouts(world.db))[0]).toMatchObject({ compiler_version: newer, compiled_rev: null });

  await part.stop();
  await expect.poll(() => compiler.deploy([changed]).then(() => "deployed", String)).toBe("deployed");
  expect(await recordsOf(world, other)).toContainEqual(
    expect.objectContaining({ id: changed, body: expect.stringContaining("changed.example.com") }),
  );
});

test("without a canary group everything is compiled for everybody, as ever", async () => {
  await world.edgeGroups.update(world.customer, canary, { is_canary: false });
  await work();
  expect(await findRollouts(world.db)).toEqual([]);
  expect([await compiledBy(canary), await compiledBy(other)]).toEqual([[COMPILER_VERSION], [COMPILER_VERSION]]);
});

test("a newer compiler takes the place of one whose rollout is not over; a repeated job begins none", async () => {
  await work();
  await beginRollout(world.db, COMPILER_VERSION, world.clock());
  await beginRollout(world.db, COMPILER_VERSION + 1, world.clock());
  expect((await findRollouts(world.db)).map(({ state }) => state)).toEqual(["canary", "superseded"]);
  const unknown = createRolloutService({ db: world.db }).get(randomUUID());
  await expect(unknown).rejects.toMatchObject({ detail: "No rollout has this id." });
});
