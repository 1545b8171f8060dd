// The search for what workers die of: everything applied lately is taken back to its last good version, then given again by
// halves. What they die of again stays away and is refused; the rest is served. nginx reads on the disk what is away, so an
// edge that is killed in between does not begin with it.
import { setTimeout as delay } from "node:timers/promises";
import { hashOf, type Refusal } from "../contract.ts";
import { SUSPECT_FOR_MS } from "./crashes.ts";
import { viewDocument } from "./document.ts";
import type { Edge } from "./edge.ts";
import type { Frame } from "./frames.ts";
import { crashRefusal } from "./held-back.ts";
import { push } from "./push.ts";
import { applyStructure, rollBackStructure } from "./reload.ts";
import { bringUpToDate } from "./serving.ts";
import { type Held, keyOf } from "./state-index.ts";
import type { StructureRecord } from "./structure.ts";

/** Requests that began with what was just taken back may still die of it. */
const SETTLES_MS = 500;
const LOOK_EVERY_MS = 50;
/** 1,000 suspects with one culprit take eleven trials. */
const TRIALS_MAX = 60;

interface Suspect {
  readonly record: Held;
  readonly frame: Frame;
  /** What was served before; absent for a record that was new. */
  readonly lastGood: Frame | undefined;
}

/** The newest are looked at first: the others are served meanwhile. */
const LOOK_BACK_MS = [60_000, 600_000, SUSPECT_FOR_MS];

/** Not beside the applying of changes. Returns when what can be served is. */
export async function findCulprits(edge: Edge, signal: AbortSignal): Promise<void> {
  const search = createSearch(edge, signal);
  let looked = 0;
  let isFound = false;
  for (const withinMs of LOOK_BACK_MS) {
    const named = new Map(
      [...edge.heldBack.suspects(), ...edge.crashes.suspects(withinMs)].map((one) => [keyOf(one), one]),
    );
    if (isFound || named.size === looked) continue;
    looked = named.size;
    const { suspects, structure } = await withBodies(edge, [...named.values()]);
    edge.log.error(
      { workers: edge.crashes.count(), suspects: suspects.length, structure: structure?.rev, within_ms: withinMs },
      "workers of nginx die: what was applied lately is looked at",
    );
    isFound = await search.among(suspects);
    if (!isFound) {
      isFound = await search.withStructure(structure);
      await search.clear(suspects);
    }
    if (isFound) edge.crashes.acquit([...named.values()]);
  }
  if (!isFound) {
    edge.log.error("workers of nginx die, and not of what was applied lately");
    edge.crashes.acquit(edge.crashes.suspects(SUSPECT_FOR_MS));
  }
  edge.crashes.reset();
  edge.report();
}

function createSearch(edge: Edge, signal: AbortSignal) {
  let trials = 0;

  /** Nobody dies for as long as it takes. */
  async function isQuiet(): Promise<boolean> {
    trials += 1;
    await delay(SETTLES_MS, undefined, { signal });
    const before = edge.crashes.count();
    const deadline = performance.now() + edge.crashTrialMs;
    while (performance.now() < deadline) {
      await delay(LOOK_EVERY_MS, undefined, { signal });
      if (edge.crashes.count() > before) return false;
    }
    return true;
  }

  /** False when nginx does not take it, because workers die. */
  async function give(suspects: readonly Suspect[]): Promise<boolean> {
    const frames = suspects.map(({ frame }) => frame);
    const refused = await pushThrough(edge, frames, { signal });
    if (refused === undefined) return false;
    for (const { record } of suspects) edge.refusals.clear(record);
    edge.refusals.add(refused);
    return true;
  }

  async function release(suspects: readonly Suspect[]): Promise<void> {
    await edge.heldBack.release(suspects.map(({ record }) => record));
  }

  /** They are held back on the disk already: an nginx that dies too fast to be told reads it there. */
  async function takeBack(suspects: readonly Suspect[]): Promise<void> {
    const frames = suspects.map(({ frame }) => frame);
    const before = suspects.flatMap(({ lastGood }) => lastGood ?? []);
    const away = await pushThrough(edge, frames, { signal, isTakenBack: true });
    const back = away === undefined ? undefined : await pushThrough(edge, before, { signal });
    if (back === undefined) await edge.nginx.restart();
    // One that lost its workers in the middle of a page lacks the rest of it.
    await bringUpToDate(edge).catch((error: unknown) => edge.log.warn({ error }, "nginx cannot be told for now"));
  }

  async function convict(suspects: readonly Suspect[]): Promise<void> {
    const records = suspects.map(({ record }) => record);
    await edge.heldBack.hold(records, "culprit");
    edge.refusals.add(records.map(crashRefusal));
    for (const record of records) edge.log.error(record, "workers of nginx die of a record: it is refused");
  }

  /** The suspects are away when it begins; those that are none are served when it ends. */
  async function sort(suspects: readonly Suspect[]): Promise<void> {
    if (suspects.length === 0) return;
    // More culprits than a bad document or two: what is left is refused as it is.
    if (trials >= TRIALS_MAX) return await convict(suspects);
    if ((await give(suspects)) && (await isQuiet())) return await release(suspects);
    await takeBack(suspects);
    if (suspects.length === 1) return await convict(suspects);
    const middle = Math.ceil(suspects.length / 2);
    await sort(suspects.slice(0, middle));
    await sort(suspects.slice(middle));
  }

  return {
    /** True when it was one of them, or nobody dies any more. */
    among: async (suspects: readonly Suspect[]): Promise<boolean> => {
      if (suspects.length === 0) return false;
      await edge.heldBack.hold(
        suspects.map(({ record }) => record),
        "suspect",
      );
      await takeBack(suspects);
      if (!(await isQuiet())) return false;
      const middle = Math.ceil(suspects.length / 2);
      await sort(suspects.slice(0, middle));
      await sort(suspects.slice(middle));
      return true;
    },
    /** It was none of them. */
    clear: async (suspects: readonly Suspect[]): Promise<void> => {
      await release(suspects);
      if (!(await give(suspects))) await edge.nginx.restart();
    },
    withStructure: async (structure: StructureRecord | undefined): Promise<boolean> => {
      if (structure === undefined || !(await rollBackStructure(edge))) return false;
      const record = { kind: "structure", id: structure.id, rev: structure.rev, hash: hashOf(structure.body) } as const;
      if (await isQuiet()) {
        await edge.heldBack.hold([record], "culprit");
        edge.refusals.add([crashRefusal(record)]);
        edge.log.error({ structure: structure.rev }, "workers of nginx die of a structure: the former one is back");
        return true;
      }
      await applyStructure(edge, structure);
      return false;
    },
  };
}

/** Their bodies and those before them. What is not on the disk any more cannot be taken back. */
async function withBodies(
  edge: Edge,
  named: readonly Held[],
): Promise<{ suspects: readonly Suspect[]; structure: StructureRecord | undefined }> {
  const wanted = new Map(named.map((record) => [keyOf(record), record]));
  const found = new Map<string, { frame?: Frame; lastGood?: Frame }>();
  for await (const item of edge.state.frames()) {
    const key = keyOf(item.record);
    const suspect = wanted.get(key);
    if (suspect === undefined) continue;
    const entry = found.get(key) ?? {};
    const copy = { ...item, body: Buffer.from(item.body) };
    if (item.record.rev === suspect.rev) found.set(key, { ...entry, frame: copy });
    else if (item.record.op === "del") found.delete(key);
    else if (item.record.rev < suspect.rev && !isCulprit(edge, item)) found.set(key, { ...entry, lastGood: copy });
  }
  const all = named.flatMap((record): Suspect[] => {
    const { frame, lastGood } = found.get(keyOf(record)) ?? {};
    return frame === undefined ? [] : [{ record, frame, lastGood }];
  });
  const structure = all.find(({ record }) => record.kind === "structure");
  return {
    suspects: all.filter(({ record }) => record.kind !== "structure"),
    structure:
      structure === undefined
        ? undefined
        : { id: structure.record.id, rev: structure.record.rev, body: structure.frame.body.toString("utf8") },
  };
}

function isCulprit({ heldBack }: Edge, { record }: Frame): boolean {
  return heldBack.culprits().some((one) => keyOf(one) === keyOf(record) && one.hash === record.hash);
}

interface Pushing {
  readonly signal: AbortSignal;
  readonly isTakenBack?: boolean;
}

/** The worker that takes them may die of the last request before; another one is there in a moment. */
const TRIES_MAX = 8;
const AGAIN_AFTER_MS = 250;
const RESOLVE_WITHIN_MS = 2_000;

/** What nginx refused of them; undefined when it could not be told. */
async function pushThrough(
  edge: Edge,
  frames: readonly Frame[],
  { signal, isTakenBack = false }: Pushing,
): Promise<readonly Refusal[] | undefined> {
  const feed = edge.state.feed();
  if (feed === undefined || frames.length === 0) return [];
  if (!isTakenBack) await knowOrigins(edge, frames);
  const at = edge.progress.applied;
  for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
    try {
      await edge.origins.pin(edge.control.pin);
      const here = { feedId: feed.feedId, from: at, to: at, afterPiece: () => {}, isTakenBack };
      return await push(edge.control, frames, here);
    } catch (error) {
      signal.throwIfAborted();
      edge.log.debug({ error, tries }, "nginx did not take records: a worker died, perhaps");
      await delay(AGAIN_AFTER_MS, undefined, { signal });
    }
  }
  return undefined;
}

/** Those of another version may be other ones. */
async function knowOrigins(edge: Edge, frames: readonly Frame[]): Promise<void> {
  for (const { record, body } of frames)
    if (record.kind === "document") edge.origins.note(record.id, viewDocument(body.toString("utf8")).origins);
  await edge.origins.settle(RESOLVE_WITHIN_MS);
}
