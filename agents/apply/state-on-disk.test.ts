// The state on disk against crashes: torn ends, half-done switches, bytes that somebody changed.
import { randomUUID } from "node:crypto";
import { appendFile, mkdir, mkdtemp, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLogger } from "../../platform/log.ts";
import { type FeedRecord, frame } from "../contract.ts";
import { startTestControlPlane, type TestControlPlane } from "../test-control-plane.ts";
import { openState, type State } from "./persist.ts";
import { createStateIndex } from "./state-index.ts";
import { feedKeysOf } from "./verify.ts";

let controlPlane: TestControlPlane;
let folder: string;
let state: State;
const log = createLogger({ role: "test", level: "silent" });

beforeEach(async () => {
  controlPlane = await startTestControlPlane();
  folder = await mkdtemp(join(tmpdir(), "edgewright-state-"));
  state = await open();
  await adoptEmpty();
});

afterEach(async () => {
  await state.close();
  await rm(folder, { recursive: true });
  await controlPlane.stop();
});

function open(): Promise<State> {
  const keys = feedKeysOf(controlPlane.feedKeys);
  return openState({ folder, scope: controlPlane.scope, keys: () => keys, log, visit: () => {} });
}

function feed() {
  return { feedId: controlPlane.feedId(), scope: controlPlane.scope };
}

async function adoptEmpty(): Promise<void> {
  const staged = await state.stage();
  await state.adopt(staged, { feed: feed(), baseRev: 0, index: createStateIndex(), keepJournal: false });
}

function put(text: string, id: string = randomUUID()): FeedRecord {
  return controlPlane.put("document", id, text);
}

async function reopened(): Promise<State> {
  await state.close();
  state = await open();
  return state;
}

async function stageCheckpoint(): Promise<Awaited<ReturnType<State["stage"]>>> {
  const staged = await state.stage();
  await writeFile(staged.path, controlPlane.checkpointFile());
  return staged;
}

test("what was appended is there after the next start, and the state hash equals a recomputation", async () => {
  const id = randomUUID();
  await state.append([put("one", id), put("two"), put("three", id)]);
  await state.append([put("four"), controlPlane.remove("document", id)]);
  const { index, rev, feed: found } = await reopened();
  expect(found()).toEqual(feed());
  expect(rev()).toBe(5);
  expect(index().documents()).toBe(2);
  expect(index().stateHash()).toBe(controlPlane.stateHash());
});

test.each([1, 40, 200, 400])(
  "a torn end of the journal, %i bytes short, is cut off and nothing else",
  async (bytes) => {
    await state.append([put("whole")]);
    const whole = state.journalSize();
    await state.append([put(`torn ${"x".repeat(300)}`)]);
    await truncate(join(folder, "journal"), state.journalSize().bytes - bytes);
    const { rev, journalSize } = await reopened();
    expect(rev()).toBe(1);
    expect(journalSize()).toEqual(whole);
    await state.append([put("after")]);
    expect((await reopened()).rev()).toBe(3);
  },
);

test("a journal entry that nobody trusted signed, and all behind it, does not survive the start", async () => {
  await state.append([put("trusted")]);
  const forged = { ...put("forged"), signature: "test-1:AAAA" };
  await appendFile(join(folder, "journal"), frame(forged) + frame(put("behind")));
  expect((await reopened()).rev()).toBe(1);
});

test("taking back leaves the journal as it was", async () => {
  await state.append([put("stays")]);
  const before = state.journalSize();
  await state.append([put("goes")]);
  await state.cutJournalTo(before, 1);
  expect(state.rev()).toBe(1);
  expect((await reopened()).rev()).toBe(1);
});

test("a new base keeps the journal entries that are newer, and drops those that it holds", async () => {
  await state.append([put("in the checkpoint")]);
  const staged = await stageCheckpoint();
  await state.append([put("newer")]);
  await state.adopt(staged, { feed: feed(), baseRev: 1, index: state.index(), keepJournal: true });
  expect(state.journalSize().records).toBe(1);
  const { baseRev, rev, index } = await reopened();
  expect([baseRev(), rev(), index().documents()]).toEqual([1, 2, 2]);
});

test("a kill before the switch leaves the old state, a kill in the middle of it is finished at the next start", async () => {
  await state.append([put("old")]);
  const staged = await stageCheckpoint();
  await writeFile(join(staged.folder, "journal"), "");
  await writeFile(join(staged.folder, "trust.json"), await readFile(join(folder, "trust.json")));
  expect((await reopened()).baseRev()).toBe(0);

  await mkdir(join(folder, "switch"));
  await writeFile(join(folder, "switch", "base"), controlPlane.checkpointFile());
  await writeFile(join(folder, "switch", "journal"), "");
  const { baseRev, rev, journalSize } = await reopened();
  expect([baseRev(), rev(), journalSize().records]).toEqual([1, 1, 0]);
});

test("a base that does not prove itself is forgotten: the edge asks for a snapshot", async () => {
  put("first");
  const staged = await stageCheckpoint();
  await state.adopt(staged, { feed: feed(), baseRev: 1, index: state.index(), keepJournal: false });
  const file = await readFile(join(folder, "base"), "utf8");
  await writeFile(join(folder, "base"), file.replace("first", "tsrif"));
  expect((await reopened()).feed()).toBeUndefined();
});

test("a node that moved to another group forgets the state of the former one", async () => {
  await state.append([put("of the former group")]);
  const trust = JSON.parse(await readFile(join(folder, "trust.json"), "utf8"));
  await writeFile(join(folder, "trust.json"), JSON.stringify({ ...trust, scope: randomUUID() }));
  const { feed: found, rev } = await reopened();
  expect([found(), rev()]).toEqual([undefined, 0]);
});

test("without write access an append fails whole", async () => {
  await state.append([put("stays")]);
  await rename(join(folder, "journal"), join(folder, "journal.away"));
  await state.close();
  await expect(state.append([put("nowhere")])).rejects.toThrow();
  await rename(join(folder, "journal.away"), join(folder, "journal"));
  state = await open();
  expect(state.rev()).toBe(1);
});
