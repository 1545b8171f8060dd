// The edge's memory on disk (state/): whom it trusts, a checkpoint (`base`) and the journal since. Made so that a kill at
// any moment leaves either the state before or the state after; nginx reads the same files when it starts.
import { createReadStream } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Logger } from "../../platform/log.ts";
import { type FeedRecord, frame } from "../contract.ts";
import { findFile, isMissing, syncFolder, writeDurably } from "../durable-file.ts";
import { type CheckpointStart, createFrameReader, type Frame, FrameError } from "./frames.ts";
import { healJournal, type Journal, type JournalSize, openJournal } from "./journal.ts";
import { createStateIndex, type StateIndex } from "./state-index.ts";
import { checkCheckpoint, type Feed, type FeedKeys, rawKey } from "./verify.ts";

const trustSchema = z.object({
  feed_id: z.string(),
  scope: z.string(),
  /** Raw Ed25519 public keys, base64, by key id: as Lua reads them. */
  keys: z.record(z.string(), z.string()),
});

export interface State {
  /** Undefined until the first snapshot. */
  feed(): Feed | undefined;
  index(): StateIndex;
  baseRev(): number;
  /** The newest revision on disk. */
  rev(): number;
  journalSize(): JournalSize;
  append(records: readonly FeedRecord[]): Promise<void>;
  /** Takes back what was appended since the journal had this size. */
  cutJournalTo(size: JournalSize, rev: number): Promise<void>;
  /** Everything on disk in order, base first; a key may come more than once, the last counts. */
  frames(): AsyncGenerator<Frame>;
  /** An empty folder to download a new base into. */
  stage(): Promise<StagedBase>;
  /** Puts the staged base, and the journal entries that are newer, in the place of the old ones. */
  adopt(
    staged: StagedBase,
    next: { feed: Feed; baseRev: number; index: StateIndex; keepJournal: boolean },
  ): Promise<void>;
  /** Tells nginx's next start of keys that changed. Not beside `adopt`. */
  renewTrust(): Promise<void>;
  close(): Promise<void>;
}

export interface StagedBase {
  readonly folder: string;
  /** The checkpoint file. Absent = a feed that has no checkpoint yet. */
  readonly path: string;
}

interface StateSettings {
  readonly folder: string;
  readonly scope: string;
  /** Asked each time: the edge may enrol again. */
  readonly keys: () => FeedKeys;
  readonly log: Logger;
  /** Sees every frame that is on disk at the start, in order. */
  readonly visit: (frame: Frame) => void;
}

export async function openState(settings: StateSettings): Promise<State> {
  const { folder, keys } = settings;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await finishSwitch(folder);
  await rm(join(folder, "next"), { recursive: true, force: true });

  let { feed, index, baseRev, rev, size } = await load(settings);
  let journal: Journal = await openJournal(join(folder, "journal"), size);
  let trust = "";

  async function renewTrust(): Promise<void> {
    const text = feed === undefined ? "" : trustText(feed, keys());
    if (text === trust) return;
    await writeDurably(join(folder, "trust.json"), text);
    trust = text;
  }

  await renewTrust();

  async function* frames(): AsyncGenerator<Frame> {
    for (const name of ["base", "journal"]) yield* readRecords(join(folder, name));
  }

  return {
    feed: () => feed,
    index: () => index,
    baseRev: () => baseRev,
    rev: () => rev,
    journalSize: () => journal.size(),
    append: async (records) => {
      await journal.append(records);
      rev = records.at(-1)?.rev ?? rev;
    },
    cutJournalTo: async (wanted, wantedRev) => {
      await journal.cutTo(wanted);
      rev = wantedRev;
    },
    frames,
    stage: async () => {
      const staged = join(folder, "next");
      await rm(staged, { recursive: true, force: true });
      await mkdir(staged, { mode: 0o700 });
      return { folder: staged, path: join(staged, "base") };
    },
    adopt: async (staged, next) => {
      const kept = next.keepJournal
        ? await newerFrames(join(folder, "journal"), next.baseRev)
        : { bytes: "", records: 0, rev: 0 };
      const nextTrust = trustText(next.feed, keys());
      await writeDurably(join(staged.folder, "trust.json"), nextTrust);
      await writeDurably(join(staged.folder, "journal"), kept.bytes);
      await journal.close();
      await rename(staged.folder, join(folder, "switch"));
      await syncFolder(folder);
      await finishSwitch(folder);
      size = { records: kept.records, bytes: Buffer.byteLength(kept.bytes) };
      journal = await openJournal(join(folder, "journal"), size);
      ({ feed, baseRev, index } = next);
      trust = nextTrust;
      rev = Math.max(baseRev, kept.rev);
    },
    renewTrust,
    close: () => journal.close(),
  };
}

/** The folder `switch` is the promise that these files replace the old ones; keeping it may take a second start. */
export async function finishSwitch(folder: string): Promise<void> {
  const from = join(folder, "switch");
  let names: string[];
  try {
    names = await readdir(from);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  // A feed without a checkpoint has no base; the journal, always there and moved last, tells whether this was done.
  if (names.includes("journal") && !names.includes("base") && names.includes("trust.json"))
    await rm(join(folder, "base"), { force: true });
  for (const name of ["trust.json", "base", "journal"]) {
    if (names.includes(name)) await rename(join(from, name), join(folder, name));
  }
  await rm(from, { recursive: true });
  await syncFolder(folder);
}

interface Loaded {
  feed: Feed | undefined;
  index: StateIndex;
  baseRev: number;
  rev: number;
  size: JournalSize;
}

async function load(settings: StateSettings): Promise<Loaded> {
  const { folder, log } = settings;
  const keys = settings.keys();
  const index = createStateIndex();
  const visit = (item: Frame) => {
    index.take(item.record);
    settings.visit(item);
  };
  const feed = await readTrust(settings);
  if (feed === undefined) return forget(folder);
  try {
    const baseRev = await readBase(join(folder, "base"), { feed, keys, visit });
    let rev = baseRev;
    const healed = await healJournal(join(folder, "journal"), { feed, keys, after: baseRev }, (item) => {
      visit(item);
      rev = item.record.rev;
    });
    if (healed.cutBytes > 0) log.warn({ cut_bytes: healed.cutBytes, rev }, "the journal's torn end was cut off");
    return { feed, index, baseRev, rev, size: { records: healed.records, bytes: healed.bytes } };
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    log.error({ error }, "the state on disk does not prove itself: it is fetched anew");
    return forget(folder);
  }
}

/** What nginx serves is not touched by this: it keeps its documents until the snapshot is here. */
async function forget(folder: string): Promise<Loaded> {
  for (const name of ["trust.json", "base", "journal"]) await rm(join(folder, name), { force: true });
  return { feed: undefined, index: createStateIndex(), baseRev: 0, rev: 0, size: { records: 0, bytes: 0 } };
}

async function readTrust({ folder, scope, log }: StateSettings): Promise<Feed | undefined> {
  const text = await findFile(join(folder, "trust.json"));
  if (text === undefined) return undefined;
  const trust = trustSchema.parse(JSON.parse(text));
  if (trust.scope === scope) return { feedId: trust.feed_id, scope };
  log.warn({ scope, was: trust.scope }, "this edge is in another group now: its state is fetched anew");
  return undefined;
}

function trustText(feed: Feed, keys: FeedKeys): string {
  const raw = Object.fromEntries([...keys].map(([keyId, key]) => [keyId, rawKey(key)]));
  return `${JSON.stringify({ feed_id: feed.feedId, scope: feed.scope, keys: raw } satisfies z.infer<typeof trustSchema>)}\n`;
}

async function readBase(
  path: string,
  trusted: { feed: Feed; keys: FeedKeys; visit: (frame: Frame) => void },
): Promise<number> {
  const check = checkCheckpoint(trusted.feed, trusted.keys);
  let any = false;
  for await (const item of readItems(path)) {
    any = true;
    check.take(item);
    if (item.type === "record") trusted.visit(item);
  }
  return any ? check.finish().rev : 0;
}

export async function* readRecords(path: string): AsyncGenerator<Frame> {
  for await (const item of readItems(path)) if (item.type === "record") yield item;
}

/** Nothing when there is no such file. */
async function* readItems(path: string): AsyncGenerator<Frame | CheckpointStart> {
  const reader = createFrameReader();
  try {
    for await (const chunk of createReadStream(path)) yield* reader.push(chunk);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  if (reader.pendingBytes() > 0) throw new FrameError(`${path} ends in the middle of a record`);
}

async function newerFrames(path: string, after: number): Promise<{ bytes: string; records: number; rev: number }> {
  const kept: string[] = [];
  let rev = 0;
  for await (const { record, body } of readRecords(path)) {
    if (record.rev <= after) continue;
    kept.push(frame({ ...record, body: body.toString("utf8") }));
    rev = record.rev;
  }
  return { bytes: kept.join(""), records: kept.length, rev };
}
