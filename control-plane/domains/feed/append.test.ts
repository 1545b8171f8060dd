import { createPublicKey, randomUUID, verify } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { recordSigningText, STATE_HASH_MODULUS, stateHashTerm } from "../../../agents/contract.ts";
import {
  aDocument,
  append,
  createScope,
  createTestWorld,
  feedIdOf,
  recordsOf,
  scopeOf,
  type TestWorld,
} from "../deployment/test-world.ts";
import { BATCH_MAX, keyOf } from "./append.ts";
import { readChanges } from "./changes-store.ts";
import { EMPTY_STATE_HASH } from "./rules.ts";

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});
afterAll(() => world?.stop());

async function outcomeOf(scope: string, candidate: ReturnType<typeof aDocument>) {
  return (await append(world, scope, [candidate])).get(keyOf(candidate));
}

async function recomputedStateHash(scope: string): Promise<string> {
  const live = (await recordsOf(world, scope)).filter((record) => record.op === "put");
  const sum = live.reduce((total, record) => total + stateHashTerm(record), 0n) % STATE_HASH_MODULUS;
  return sum.toString(16).padStart(64, "0");
}

describe("a record", () => {
  test("is appended with the next revision when its source is newer and its content differs", async () => {
    const scope = await createScope(world);
    const id = randomUUID();
    expect(await outcomeOf(scope, aDocument({ id }))).toEqual({ outcome: "append", rev: 1 });
    expect(await outcomeOf(scope, aDocument({ id, sourceVersion: 2 }))).toEqual({ outcome: "append", rev: 2 });
    expect(await recordsOf(world, scope)).toMatchObject([{ rev: 2, source_version: 2 }]);
  });

  test("that says the same keeps its revision and moves its source on", async () => {
    const scope = await createScope(world);
    const first = aDocument({ sourceVersion: 1 });
    await append(world, scope, [first]);
    expect(await outcomeOf(scope, { ...first, sourceVersion: 3 })).toEqual({ outcome: "unchanged", rev: 1 });
    expect(await outcomeOf(scope, aDocument({ id: first.id, sourceVersion: 2 }))).toMatchObject({ outcome: "stale" });
  });

  test("of an old snapshot that was compiled late loses", async () => {
    const scope = await createScope(world);
    const id = randomUUID();
    const newest = aDocument({ id, sourceVersion: 5 });
    await append(world, scope, [newest]);
    expect(await outcomeOf(scope, aDocument({ id, sourceVersion: 4 }))).toEqual({ outcome: "stale", rev: 1 });
    expect(await outcomeOf(scope, aDocument({ id, sourceVersion: 5 }))).toEqual({ outcome: "stale", rev: 1 });
    expect(await recordsOf(world, scope)).toMatchObject([{ hash: newest.hash }]);
  });

  test("of the same source by a newer compiler wins, and by an older one loses", async () => {
    const scope = await createScope(world);
    const id = randomUUID();
    await append(world, scope, [aDocument({ id, compilerVersion: 2 })]);
    expect(await outcomeOf(scope, aDocument({ id, compilerVersion: 1 }))).toMatchObject({ outcome: "stale" });
    expect(await outcomeOf(scope, aDocument({ id, compilerVersion: 3 }))).toMatchObject({ outcome: "append" });
  });

  test("is signed for this feed, scope and revision", async () => {
    const scope = await createScope(world);
    await append(world, scope, [aDocument()]);
    const [record] = await recordsOf(world, scope);
    if (record === undefined) throw new Error("no record");
    const [keyId, signature] = record.signature.split(":");
    const text = recordSigningText({ feedId: await feedIdOf(world), scope }, record);
    const key = createPublicKey(world.publicKey);
    expect(keyId).toBe(world.signer.keyId);
    expect(verify(null, Buffer.from(text), key, Buffer.from(signature ?? "", "base64"))).toBe(true);
  });

  test("that goes leaves a tombstone, and one that never was leaves nothing", async () => {
    const scope = await createScope(world);
    const document = aDocument();
    const gone = aDocument({ id: document.id, op: "del", body: "", sourceVersion: 2 });
    await append(world, scope, [document]);
    expect(await outcomeOf(scope, gone)).toEqual({ outcome: "append", rev: 2 });
    expect(await outcomeOf(scope, aDocument({ op: "del", body: "" }))).toEqual({ outcome: "unchanged", rev: 0 });
    expect(await recordsOf(world, scope)).toMatchObject([{ op: "del", rev: 2 }]);
    expect(await scopeOf(world, scope)).toMatchObject({ live_records: 0, state_hash: EMPTY_STATE_HASH });
  });
});

test("the state hash is always that of the live records, whatever happened to them", async () => {
  const scope = await createScope(world);
  const ids = Array.from({ length: 40 }, () => randomUUID());
  for (let round = 1; round <= 12; round += 1) {
    const chosen = ids.filter(() => Math.random() < 0.5);
    const candidates = chosen.map((id) =>
      Math.random() < 0.3
        ? aDocument({ id, op: "del", body: "", sourceVersion: round })
        : aDocument({ id, sourceVersion: round, body: JSON.stringify(Math.floor(Math.random() * 3)) }),
    );
    await append(world, scope, candidates);
    expect((await scopeOf(world, scope)).state_hash).toBe(await recomputedStateHash(scope));
  }
  const live = (await recordsOf(world, scope)).filter((record) => record.op === "put");
  expect((await scopeOf(world, scope)).live_records).toBe(live.length);
});

test("a reader who polls while two writers append skips nothing and sees no revision twice", async () => {
  const scope = await createScope(world);
  const perWriter = 1_500;
  let writing = 2;
  const writer = async () => {
    for (let count = 0; count < perWriter; ) {
      const size = 1 + Math.floor(Math.random() * 3);
      const batch = Array.from({ length: Math.min(size, perWriter - count) }, () => aDocument());
      await append(world, scope, batch);
      count += batch.length;
    }
    writing -= 1;
  };
  const seen: number[] = [];
  const reader = async () => {
    let since = 0;
    for (let isLast = false; !isLast; ) {
      isLast = writing === 0;
      for (let isBehind = true; isBehind; ) {
        const page = await readChanges(world.db, scope, since);
        if (page === undefined) throw new Error("no such scope");
        seen.push(...page.records.map((record) => record.rev));
        since = page.to;
        isBehind = page.to < page.head.rev;
      }
    }
  };
  await Promise.all([writer(), writer(), reader()]);
  expect(seen).toEqual(Array.from({ length: 2 * perWriter }, (_, index) => index + 1));
}, 60_000);

test("a batch is one transaction of a limited size", async () => {
  const scope = await createScope(world);
  const batch = Array.from({ length: BATCH_MAX }, () => aDocument());
  await append(world, scope, batch);
  expect(await scopeOf(world, scope)).toMatchObject({ rev: BATCH_MAX, live_records: BATCH_MAX });
  await expect(append(world, scope, [...batch, aDocument()])).rejects.toThrow(RangeError);
});
