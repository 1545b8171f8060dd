import { createPublicKey, verify } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { feedKeySigningText, recordSigningText } from "../../../agents/contract.ts";
import { COMPILER_VERSION } from "../../../edge-templates/index.ts";
import { renumberDeployments } from "../deployment/store.ts";
import {
  aDocument,
  append,
  createDistribution,
  createEdge,
  createGroup,
  createScope,
  createTestWorld,
  feedIdOf,
  newSigner,
  newSigningKey,
  recordsOf,
  report,
  scopeOf,
  type TestWorld,
} from "../deployment/test-world.ts";
import { createFeedRebuild, openFeed } from "./feed.ts";
import { createFeedSigner, rawOf } from "./signer.ts";
import { findFeedKeys, listFeedKeys, type RecordRow } from "./store.ts";

let world: TestWorld;
beforeEach(async () => {
  world = await createTestWorld();
});
afterEach(() => world?.stop());

const never = new AbortController().signal;
const open = (signer = world.signer) => openFeed(world.db, { signer, now: world.clock() });

async function isRebuilding(): Promise<boolean> {
  return (await world.db("feed").first("rebuilding"))?.rebuilding;
}

/** What a restore of a dump into another database looks like from inside. */
async function restore(): Promise<void> {
  await world.db("feed").update({ database_identity: "another database" });
  await open();
}

function rebuild(announced: string[] = []) {
  const announce = (scope: string) => {
    announced.push(scope);
  };
  return createFeedRebuild({
    db: world.db,
    signer: world.signer,
    clock: world.clock,
    announce,
    renumber: renumberDeployments,
  });
}

async function isSignedFor(feedId: string, record: RecordRow): Promise<boolean> {
  const text = recordSigningText({ feedId, scope: record.scope }, record);
  const signature = Buffer.from(record.signature.split(":")[1] ?? "", "base64");
  return verify(null, Buffer.from(text), createPublicKey(world.publicKey), signature);
}

describe("the feed", () => {
  test("stays the same when workers start again", async () => {
    const feedId = await feedIdOf(world);
    await Promise.all([open(), open()]);
    expect(await feedIdOf(world)).toBe(feedId);
    expect(await isRebuilding()).toBe(false);
  });

  test("publishes the keys of the last two workers, for a rotation", async () => {
    const [next, after] = [newSigner(), newSigner()];
    await open(next);
    expect(await findFeedKeys(world.db)).toEqual({
      [world.signer.keyId]: world.publicKey,
      [next.keyId]: next.publicKey,
    });
    await open(after);
    expect(Object.keys(await findFeedKeys(world.db))).toHaveLength(2);
  });

  test("is signed anew, once, when a key takes over with the former key's word; without it nothing moves", async () => {
    const [key, formerKey] = [newSigningKey(), newSigningKey()];
    const former = createFeedSigner(formerKey);
    await open(former);
    const before = await feedIdOf(world);
    await open(createFeedSigner(key));
    expect(await feedIdOf(world)).toBe(before);
    const next = createFeedSigner(key, formerKey);
    await open(next);
    const after = await feedIdOf(world);
    expect([after === before, await isRebuilding()]).toEqual([false, true]);
    await open(next);
    await open(createFeedSigner(key));
    expect(await feedIdOf(world)).toBe(after);

    const [newest] = await listFeedKeys(world.db);
    const [endorser, signature = ""] = newest?.endorsement?.split(":") ?? [];
    expect([newest?.id, endorser]).toEqual([next.keyId, former.keyId]);
    const text = feedKeySigningText({ id: next.keyId, publicKey: rawOf(next.publicKey) });
    const bytes = Buffer.from(signature, "base64");
    expect(verify(null, Buffer.from(text), createPublicKey(former.publicKey), bytes)).toBe(true);
  });

  test("is compiled anew by a newer compiler", async () => {
    await world.db("feed").update({ compiler_version: COMPILER_VERSION - 1 });
    await open();
    await open();
    const jobs: { job: string; payload: unknown }[] = await world.db("outbox").select("job", "payload").orderBy("seq");
    expect(jobs).toEqual([{ job: "deployment.compiler-changed", payload: { compiler_version: COMPILER_VERSION } }]);
  });
});

describe("a restored database", () => {
  test("gets a new feed, for which everything alive is signed and numbered again", async () => {
    const scope = await createScope(world);
    const documents = Array.from({ length: 400 }, () => aDocument());
    await append(world, scope, documents);
    await append(
      world,
      scope,
      documents.slice(0, 50).map(({ id }) => aDocument({ id, op: "del", body: "", sourceVersion: 2 })),
    );
    await append(
      world,
      scope,
      Array.from({ length: 400 }, () => aDocument()),
    );
    const before = await scopeOf(world, scope);
    const oldFeed = await feedIdOf(world);
    await restore();
    const feedId = await feedIdOf(world);
    expect(feedId).not.toBe(oldFeed);
    expect(await isRebuilding()).toBe(true);

    const announced: string[] = [];
    await rebuild(announced)(feedId, never);
    const records = await recordsOf(world, scope);
    expect(await isRebuilding()).toBe(false);
    expect(announced).toEqual([scope]);
    expect(records.map(({ rev }) => rev)).toEqual(Array.from({ length: 750 }, (_, index) => before.rev + index + 1));
    expect(records.every(({ op }) => op === "put")).toBe(true);
    for (const record of records.slice(0, 20)) expect(await isSignedFor(feedId, record)).toBe(true);
    expect(await scopeOf(world, scope)).toMatchObject({ rev: before.rev + 750, live_records: 750 });
  });

  test("is signed to the end by whoever comes after a killed worker, with what was appended meanwhile", async () => {
    const scope = await createScope(world);
    await append(
      world,
      scope,
      Array.from({ length: 500 }, () => aDocument()),
    );
    await append(
      world,
      scope,
      Array.from({ length: 500 }, () => aDocument()),
    );
    await restore();
    const feedId = await feedIdOf(world);
    const killed = new AbortController();
    const isHalfway = async () => (await scopeOf(world, scope)).rev >= 1_500;
    const first = rebuild()(feedId, killed.signal).catch(() => {});
    await expect.poll(isHalfway, { interval: 2 }).toBe(true);
    killed.abort();
    await first;
    await append(world, scope, [aDocument()]);
    await rebuild()(feedId, never);
    const records = await recordsOf(world, scope);
    expect(records).toHaveLength(1_001);
    expect(records.every((record) => record.feed_id === feedId)).toBe(true);
    expect(await isRebuilding()).toBe(false);
  });

  test("keeps what was proven, and goes on proving under the new numbers", async () => {
    const group = await createGroup(world);
    const edge = await createEdge(world, group);
    const id = await createDistribution(world, "www.example.com");
    await world.compiler.deploy([id]);
    await report(world, edge, { applied: (await scopeOf(world, group)).rev });
    const waiting = await createDistribution(world, "waiting.example.com");
    await world.compiler.deploy([waiting]);
    await restore();
    await rebuild()(await feedIdOf(world), never);
    const statusOf = async (of: string) => (await world.db("distribution").where({ id: of }).first("status"))?.status;
    expect([await statusOf(id), await statusOf(waiting)]).toEqual(["active", "deploying"]);
    await report(world, edge, { applied: (await scopeOf(world, group)).rev });
    expect([await statusOf(id), await statusOf(waiting)]).toEqual(["active", "active"]);
  });

  test("leaves a rebuild alone that is for a feed of the past", async () => {
    const scope = await createScope(world);
    await append(world, scope, [aDocument()]);
    const past = await feedIdOf(world);
    await restore();
    await rebuild()(past, never);
    expect(await isRebuilding()).toBe(true);
    expect(await recordsOf(world, scope)).toMatchObject([{ feed_id: past, rev: 1 }]);
  });
});
