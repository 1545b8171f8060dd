import { createHash, createPublicKey, randomUUID, verify } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openFileStorage } from "../../../platform/object-storage/files.ts";
import type { ObjectStorage } from "../../../platform/object-storage/storage.ts";
import {
  aDocument,
  append,
  createScope,
  createTestWorld,
  feedIdOf,
  log,
  recordsOf,
  scopeOf,
  type TestWorld,
} from "../deployment/test-world.ts";
import { checkpointKey, createCheckpointWriter } from "./checkpoint.ts";
import { isCheckpointDue } from "./rules.ts";
import { createSnapshotReader } from "./snapshot.ts";

const DAY_MS = 86_400_000;
const never = new AbortController().signal;
let world: TestWorld;
let folder: string;
let storage: ObjectStorage;
let writer: ReturnType<typeof createCheckpointWriter>;
let readSnapshot: ReturnType<typeof createSnapshotReader>;

beforeAll(async () => {
  world = await createTestWorld();
  folder = await mkdtemp(join(tmpdir(), "edgewright-test-"));
  storage = await openFileStorage(folder);
  writer = createCheckpointWriter({ ...world, storage });
  readSnapshot = createSnapshotReader({ db: world.db, storage, log });
});
afterAll(async () => {
  await world?.stop();
  await storage?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function snapshotOf(scope: string): Promise<Buffer | undefined> {
  const { file } = await readSnapshot({ edgeId: randomUUID(), scope }, never);
  return file === undefined ? undefined : buffer(file);
}

interface ReadCheckpoint {
  readonly rev: number;
  readonly records: { kind: string; id: string; rev: number; op: string; body: string }[];
}

/** Reads and checks a checkpoint by the words of agents/contract.ts alone, byte by byte; throws at the first fault. */
function verifiedCheckpoint(file: Buffer, expected: { feedId: string; scope: string }): ReadCheckpoint {
  let position = 0;
  const line = () => {
    const end = file.indexOf("\n", position);
    const text = file.toString("utf8", position, end);
    position = end + 1;
    return text;
  };
  const [word, feedId, scope, rev, count, digest, signed] = line().split(" ");
  if (word !== "checkpoint" || feedId !== expected.feedId || scope !== expected.scope) throw new Error("another head");
  const [, signature] = (signed ?? "").split(":");
  const text = `edgewright-checkpoint-1\n${feedId}\n${scope}\n${rev}\n${count}\n${digest}`;
  const isSigned = verify(
    null,
    Buffer.from(text),
    createPublicKey(world.publicKey),
    Buffer.from(signature ?? "", "base64"),
  );
  if (!isSigned) throw new Error("not signed by the feed's key");
  const headers = createHash("sha256");
  const records: ReadCheckpoint["records"] = [];
  while (position < file.length) {
    const header = line();
    headers.update(`${header}\n`);
    const [record, kind = "", id = "", recordRev, op = "", hash, length, dash] = header.split(" ");
    if (record !== "record" || dash !== "-") throw new Error(`not a header: ${header}`);
    const body = file.subarray(position, position + Number(length));
    position += Number(length) + 1;
    if (createHash("sha256").update(body).digest("hex") !== hash) throw new Error(`a changed body: ${header}`);
    records.push({ kind, id, rev: Number(recordRev), op, body: body.toString("utf8") });
  }
  if (headers.digest("hex") !== digest || records.length !== Number(count)) throw new Error("the digest differs");
  return { rev: Number(rev), records };
}

async function checkpointOf(scope: string): Promise<ReadCheckpoint> {
  const file = await snapshotOf(scope);
  if (file === undefined) throw new Error("no checkpoint");
  return verifiedCheckpoint(file, { feedId: await feedIdOf(world), scope });
}

describe("a checkpoint", () => {
  test("holds the live records of one moment, signed, in the order of their revisions", async () => {
    const scope = await createScope(world);
    const documents = Array.from({ length: 600 }, (_, index) => aDocument({ body: `{"name":"Zoë ${index}\n"}` }));
    await append(world, scope, documents.slice(0, 300));
    await append(world, scope, documents.slice(300));
    const gone = documents.slice(0, 10).map(({ id }) => aDocument({ id, op: "del", body: "", sourceVersion: 2 }));
    await append(world, scope, gone);
    expect(await snapshotOf(scope)).toBeUndefined();
    await writer.write(scope, never);
    await append(world, scope, [aDocument()]);
    const { rev, records } = await checkpointOf(scope);
    expect(rev).toBe(610);
    expect(records.map(({ id, body }) => ({ id, body }))).toEqual(
      documents.slice(10).map(({ id, body }) => ({ id, body })),
    );
    expect(await scopeOf(world, scope)).toMatchObject({ rev: 611, checkpoint_rev: 610 });
  });

  test("that somebody changed in the storage is noticed", async () => {
    const scope = await createScope(world);
    await append(world, scope, [aDocument({ body: "one" }), aDocument({ body: "two" })]);
    await writer.write(scope, never);
    const file = await snapshotOf(scope);
    if (file === undefined) throw new Error("no checkpoint");
    const expected = { feedId: await feedIdOf(world), scope };
    for (const [from, to] of [
      ["one", "onf"],
      [" put ", " del "],
      [" 2 2 ", " 2 1 "],
    ] as const) {
      const changed = Buffer.from(file.toString("utf8").replace(from, to));
      expect(changed.equals(file)).toBe(false);
      expect(() => verifiedCheckpoint(changed, expected)).toThrow();
    }
  });

  test("is written when many records changed, and not before", async () => {
    const scope = await createScope(world);
    for (let batch = 0; batch < 2; batch += 1) {
      await append(
        world,
        scope,
        Array.from({ length: 500 }, () => aDocument()),
      );
    }
    await writer.writeDue(never);
    expect(await scopeOf(world, scope)).toMatchObject({ checkpoint_rev: 0 });
    await append(world, scope, [aDocument()]);
    await writer.writeDue(never);
    expect(await scopeOf(world, scope)).toMatchObject({ checkpoint_rev: 1_001 });
    expect(isCheckpointDue({ rev: 6_000, checkpointRev: 1_001, liveRecords: 50_000 })).toBe(false);
    expect(isCheckpointDue({ rev: 6_002, checkpointRev: 1_001, liveRecords: 50_000 })).toBe(true);
  });

  test("takes turns with two others, so that the storage does not fill up", async () => {
    const scope = await createScope(world);
    for (let count = 1; count <= 5; count += 1) {
      await append(world, scope, [aDocument()]);
      await writer.write(scope, never);
      expect((await checkpointOf(scope)).rev).toBe(count);
    }
    const files = (await readdir(folder, { recursive: true })).filter(
      (name) => /\/\d$/.test(name) && name.includes(scope),
    );
    expect(files).toHaveLength(3);
  });

  test("is right also when two workers write it at once", async () => {
    const scope = await createScope(world);
    await append(world, scope, [aDocument()]);
    await Promise.all([writer.write(scope, never), writer.write(scope, never)]);
    // One of them, or one after the other: what is published is whole.
    const published = await scopeOf(world, scope);
    expect(published.checkpoint_rev).toBe(1);
    expect([1, 2]).toContain(published.checkpoint_count);
    expect((await checkpointOf(scope)).records).toHaveLength(1);
  });

  test("that vanished from the storage is told as none: the changes since 0 are everything", async () => {
    const scope = await createScope(world);
    await append(world, scope, [aDocument()]);
    await writer.write(scope, never);
    await storage.delete(checkpointKey(scope, 1));
    expect(await snapshotOf(scope)).toBeUndefined();
  });
});

test("tombstones go when the checkpoint before knew them already and a day has passed", async () => {
  const scope = await createScope(world);
  const documents = [aDocument(), aDocument(), aDocument()];
  const remove = (index: number) => {
    const id = documents[index]?.id ?? randomUUID();
    return append(world, scope, [aDocument({ id, op: "del", body: "", sourceVersion: 2 })]);
  };
  const tombstones = async () => (await recordsOf(world, scope)).filter(({ op }) => op === "del").map(({ rev }) => rev);
  await append(world, scope, documents);
  await remove(0);
  await writer.write(scope, never);
  await remove(1);
  await writer.write(scope, never);
  expect(await tombstones()).toEqual([4, 5]);
  world.passTime(DAY_MS + 60_000);
  await remove(2);
  await writer.write(scope, never);
  // All are a day old by the clock; the third is younger than the checkpoint before.
  expect(await tombstones()).toEqual([6]);
  expect(await scopeOf(world, scope)).toMatchObject({ floor_rev: 5, live_records: 0 });
});
