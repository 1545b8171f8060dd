// Everything anew: the checkpoint file, streamed to disk and proven on the way, then what differs is pushed: first what
// is to be, then what is to go. nginx never stands empty in between.
import { createWriteStream } from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { hashOf, pushedKinds, type Refusal } from "../contract.ts";
import { prove } from "./changes.ts";
import { viewDocument } from "./document.ts";
import type { Edge } from "./edge.ts";
import { createFrameReader, type Frame, FrameError } from "./frames.ts";
import { crashRefusal } from "./held-back.ts";
import type { NodeRecord } from "./node-state.ts";
import { readRecords, type StagedBase } from "./persist.ts";
import { type Expectation, SAMPLE_SIZE, sampleOf } from "./probe.ts";
import { type Pushable, push } from "./push.ts";
import { assertBearable, TooManyRefused } from "./refusals.ts";
import { applyStructure } from "./reload.ts";
import type { SecretRecord } from "./secrets.ts";
import { bringUpToDate, mayPush } from "./serving.ts";
import { createStateIndex, type Held, keyOf, type StateIndex } from "./state-index.ts";
import type { StructureRecord } from "./structure.ts";
import { checkCheckpoint, type Feed } from "./verify.ts";

const RESOLVE_WITHIN_MS = 2_000;
/** So many documents are resolved together, then pushed. */
const GROUP_SIZE = 1_000;

export async function takeSnapshot(edge: Edge, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  await edge.learnFeedKeys(signal);
  const answer = await edge.controlPlane.snapshot(signal);
  const feed = { feedId: answer.feedId, scope: edge.scope };
  if (answer.kind === "none") return await beginEmpty(edge, feed);
  const staged = await edge.state.stage();
  const download = await downloadCheckpoint(edge, feed, { file: answer.file, staged }, signal);
  const changed = await change(edge, feed, { staged, download }, signal);
  const ms = Math.round(performance.now() - startedAt);
  edge.log.info({ rev: download.rev, documents: download.index.documents(), ...changed, ms }, "snapshot applied");
}

/** What another feed left is removed once all of this one has been read. */
async function beginEmpty(edge: Edge, feed: Feed): Promise<void> {
  const known = edge.state.feed();
  if (known !== undefined && !isSame(known, feed)) edge.progress.leftovers = [...edge.state.index().list()];
  const staged = await edge.state.stage();
  await edge.state.adopt(staged, { feed, baseRev: 0, index: createStateIndex(), keepJournal: false });
  edge.progress.applied = 0;
  edge.refusals.clearAll();
  await letGoOfOtherScope(edge, known, feed);
  edge.log.info({ feed_id: feed.feedId }, "a feed without a checkpoint: it is read from its beginning");
}

function isSame(known: Feed | undefined, feed: Feed): boolean {
  return known?.feedId === feed.feedId && known.scope === feed.scope;
}

/** nginx tells feeds apart, not the scopes of one: to it the other group's revisions look newer than ours. */
async function letGoOfOtherScope(edge: Edge, known: Feed | undefined, feed: Feed): Promise<void> {
  if (known?.feedId !== feed.feedId || known.scope === feed.scope || !edge.nginx.running()) return;
  edge.log.warn({ scope: feed.scope, was: known.scope }, "this edge is in another group now: nginx starts anew");
  await edge.nginx.restart();
  await bringUpToDate(edge);
}

export interface Download {
  readonly rev: number;
  readonly index: StateIndex;
  readonly structure: StructureRecord | undefined;
  /** Those of kind `secret` and `keyring`. */
  readonly secrets: readonly SecretRecord[];
  /** Whether each of the group's edges takes viewers. */
  readonly nodes: readonly NodeRecord[];
}

/** Throws FrameError at the first byte that does not prove itself; what was written so far is never looked at again. */
export async function downloadCheckpoint(
  edge: Pick<Edge, "feedKeys">,
  feed: Feed,
  { file, staged }: { file: Readable; staged: StagedBase },
  signal: AbortSignal,
): Promise<Download> {
  const check = checkCheckpoint(feed, edge.feedKeys);
  const reader = createFrameReader();
  const index = createStateIndex();
  const secrets: SecretRecord[] = [];
  const nodes: NodeRecord[] = [];
  let structure: StructureRecord | undefined;

  function take(item: Frame): void {
    index.take(item.record);
    if (item.record.kind === "structure") structure = newerOf(structure, item);
    if (isSecret(item)) secrets.push(withBody(item));
    if (item.record.kind === "node") nodes.push(withBody(item));
  }

  async function* proven(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      for (const item of reader.push(chunk)) {
        check.take(item);
        if (item.type === "record") take(item);
      }
      yield chunk;
    }
  }

  await pipeline(file, proven, createWriteStream(staged.path, { mode: 0o600, flush: true }), { signal });
  if (reader.pendingBytes() > 0) throw new FrameError("the checkpoint ends in the middle of a record");
  return { rev: check.finish().rev, index, structure, secrets, nodes };
}

function isSecret({ record }: Frame): boolean {
  return record.kind === "secret" || record.kind === "keyring";
}

function withBody({ record, body }: Frame): SecretRecord {
  return { ...record, body: body.toString("utf8") };
}

function newerOf(known: StructureRecord | undefined, { record, body }: Frame): StructureRecord {
  if (known !== undefined && known.rev > record.rev) return known;
  return { id: record.id, rev: record.rev, body: body.toString("utf8") };
}

interface Next {
  readonly staged: StagedBase;
  readonly download: Download;
}

async function change(
  edge: Edge,
  feed: Feed,
  { staged, download }: Next,
  signal: AbortSignal,
): Promise<{ changed: number; removed: number }> {
  const old = edge.state.index();
  const known = edge.state.feed();
  const sameFeed = isSame(known, feed);
  const { index, rev, structure } = download;
  edge.secrets.replace(download.secrets);
  edge.node.forget();
  for (const record of download.nodes) edge.node.note(record);
  if (sameFeed) await takeNewerThan(rev, edge, index);

  const removed = [...old.list()].filter((held) => pushedKinds.has(held.kind) && index.find(held) === undefined);
  const expectations: Expectation[] = [];
  const refused: Refusal[] = [];
  const serving = await mayPush(edge, structure !== undefined, signal);
  const given: Held[] = [];
  const changed = changedRecords(edge, { staged, old, index, expectations, given, refused });
  if (serving) {
    const from = edge.progress.applied;
    const to = sameFeed ? Math.max(rev, from) : rev;
    const measure = { held: old.documents(), coming: index.documents() };
    const afterPiece = (until: readonly Refusal[]) => assertBearable(until, measure);
    edge.refusals.add(await edge.secrets.bring(edge.control.keepSecrets));
    const gone = removed.map((held) => tombstone(held, rev));
    // A purge waits for no document.
    const purges = purgesAmong(staged, old, index);
    await push(edge.control, purges, { feedId: feed.feedId, from, to: from, afterPiece: () => {} });
    try {
      refused.push(
        ...(await push(edge.control, inOrder(changed, gone), { feedId: feed.feedId, from, to, afterPiece })),
      );
    } catch (error) {
      // What is gone never waits until documents are mended.
      if (error instanceof TooManyRefused)
        await push(edge.control, gone, { feedId: feed.feedId, from, to: from, afterPiece: () => {} });
      throw error;
    }
    await edge.origins.pin(edge.control.pin);
    await edge.secrets.takeAway(edge.control.keepSecrets);
  } else {
    for await (const _ of changed);
  }
  for (const { id } of removed) edge.origins.note(id, []);

  await edge.state.adopt(staged, { feed, baseRev: rev, index, keepJournal: sameFeed });
  edge.progress.applied = sameFeed ? Math.max(rev, edge.progress.applied) : rev;
  edge.progress.leftovers = [];
  if (!sameFeed) edge.refusals.clearAll();
  for (const { id } of [...expectations, ...removed]) edge.refusals.clear({ kind: "document", id });
  edge.refusals.add(refused);
  edge.crashes.applied(given.map((record) => ({ ...record, op: "put" as const })));
  await edge.heldBack.replaced(given);
  await letGoOfOtherScope(edge, known, feed);

  if (structure !== undefined) await changeStructure(edge, structure);
  const bad = new Set(refused.map(keyOf));
  const provable = expectations.filter(({ id }) => !bad.has(keyOf({ kind: "document", id })));
  edge.refusals.add(await prove(edge, sampleOf(provable, SAMPLE_SIZE), signal));
  return { changed: expectations.length, removed: removed.length };
}

/** What the journal has beyond the checkpoint is as good as what is in it. */
async function takeNewerThan(rev: number, edge: Edge, index: StateIndex): Promise<void> {
  for await (const item of edge.state.frames()) {
    if (item.record.rev <= rev) continue;
    index.take(item.record);
    if (isSecret(item)) edge.secrets.note(withBody(item));
    if (item.record.kind === "node") edge.node.note(withBody(item));
  }
}

interface Comparison {
  readonly staged: StagedBase;
  readonly old: StateIndex;
  readonly index: StateIndex;
  /** Gets one host of every changed document. */
  readonly expectations: Expectation[];
  /** Gets what nginx is given. */
  readonly given: Held[];
  /** Gets what workers died of before. */
  readonly refused: Refusal[];
}

/** What nginx does not have as the checkpoint has it; documents with their origins known before they come. */
async function* changedRecords(
  edge: Edge,
  { staged, old, index, expectations, given, refused }: Comparison,
): AsyncGenerator<Frame> {
  let group: Frame[] = [];
  for await (const item of readRecords(staged.path)) {
    if (!pushedKinds.has(item.record.kind) || !isChanged(item.record, old, index)) continue;
    if (edge.heldBack.has(item.record)) {
      refused.push(crashRefusal(item.record));
      continue;
    }
    given.push(item.record);
    if (item.record.kind !== "document") {
      yield { ...item, body: Buffer.from(item.body) };
      continue;
    }
    const { hosts, origins } = viewDocument(item.body.toString("utf8"));
    edge.origins.note(item.record.id, origins);
    const [host] = hosts;
    if (host !== undefined) expectations.push({ host, id: item.record.id, rev: item.record.rev });
    group.push({ ...item, body: Buffer.from(item.body) });
    if (group.length < GROUP_SIZE) continue;
    yield* await resolved(edge, group);
    group = [];
  }
  yield* await resolved(edge, group);
}

async function* purgesAmong(staged: StagedBase, old: StateIndex, index: StateIndex): AsyncGenerator<Frame> {
  for await (const item of readRecords(staged.path)) {
    if (item.record.kind === "purge" && isChanged(item.record, old, index))
      yield { ...item, body: Buffer.from(item.body) };
  }
}

async function resolved(edge: Edge, group: Frame[]): Promise<Frame[]> {
  await edge.origins.settle(RESOLVE_WITHIN_MS);
  if (edge.nginx.running()) await edge.origins.pin(edge.control.pin);
  return group;
}

function isChanged(record: Held, old: StateIndex, index: StateIndex): boolean {
  // The journal may have a newer one already.
  if (index.find(record)?.rev !== record.rev) return false;
  const held = old.find(record);
  return held === undefined || held.rev !== record.rev || held.hash !== record.hash;
}

async function* inOrder(changed: AsyncIterable<Frame>, gone: readonly Pushable[]): AsyncGenerator<Pushable> {
  yield* changed;
  yield* gone;
}

export function tombstone({ kind, id }: Held, rev: number): Pushable {
  return { kind, id, rev, op: "del", hash: hashOf(""), signature: "-", body: "" };
}

/** Does nothing when nginx runs it already. */
export async function changeStructure(edge: Edge, structure: StructureRecord): Promise<void> {
  if (edge.nginx.isResting()) {
    edge.progress.structureDue = structure;
    return;
  }
  if (edge.heldBack.has({ kind: "structure", id: structure.id, hash: hashOf(structure.body) })) return;
  const current = await edge.structures.current();
  const isCurrent = current?.rev === structure.rev && current.hash === hashOf(structure.body);
  if (isCurrent && edge.progress.structure === structure.rev && edge.nginx.running()) return;
  const wasRunning = edge.nginx.running();
  const refusal = await applyStructure(edge, structure);
  edge.refusals.clear({ kind: "structure", id: structure.id });
  if (refusal !== undefined) edge.refusals.add([refusal]);
  else if (!wasRunning) await bringUpToDate(edge);
}
