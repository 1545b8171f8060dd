// One page of changes, from the wire to the proof: verify, write to disk, resolve, push, structure, probe.
import type { ChangesReply, FeedRecord, Refusal } from "../contract.ts";
import { viewDocument } from "./document.ts";
import type { Edge } from "./edge.ts";
import { pushFirst } from "./first.ts";
import { doorsOf } from "./health.ts";
import { crashRefusal } from "./held-back.ts";
import { type Expectation, probe } from "./probe.ts";
import { push } from "./push.ts";
import { assertBearable, type Measure } from "./refusals.ts";
import { applyStructure } from "./reload.ts";
import { watchSecureDoor } from "./secure-door.ts";
import { bringUpToDate, mayPush } from "./serving.ts";
import { keyOf } from "./state-index.ts";
import { type Feed, findFault } from "./verify.ts";

/** A new document waits this long for the addresses of its origins; slower names are pinned when they are known. */
const RESOLVE_WITHIN_MS = 2_000;

/** Throws with nothing changed on disk when the page could not be applied: it is asked for again. */
export async function applyChanges(edge: Edge, feed: Feed, reply: ChangesReply, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  const { trusted, refused } = verifyAll(edge, feed, reply.records);
  await pushFirst(edge, feed, trusted);
  assertBearable(refused, measureOf(edge, reply.records));
  const before = { size: edge.state.journalSize(), rev: edge.state.rev() };
  if (trusted.length > 0) await write(edge, trusted);
  try {
    const measure = measureOf(edge, reply.records);
    refused.push(...(await activate(edge, feed, { records: trusted, to: reply.to, measure }, signal)));
  } catch (error) {
    // Workers die, of this page perhaps: the search for the culprit needs it on the disk, and makes up for what is lacking.
    if (!edge.crashes.isRaised() || signal.aborted) {
      if (!signal.aborted) await edge.state.cutJournalTo(before.size, before.rev);
      throw error;
    }
    edge.log.error({ error }, "a page was not applied to its end: workers of nginx die");
  }
  settle(edge, reply, refused);
  edge.progress.records += reply.records.length;
  edge.prefetches.take(trusted);
  const bad = new Set(refused.map(keyOf));
  await edge.heldBack.replaced(trusted.filter((record) => !bad.has(keyOf(record))));
  const ms = Math.round(performance.now() - startedAt);
  edge.log.info(
    { from: reply.from, to: reply.to, records: reply.records.length, refused: refused.length, ms },
    "changes applied",
  );
}

async function write({ state, progress }: Edge, records: readonly FeedRecord[]): Promise<void> {
  try {
    await state.append(records);
    progress.diskFault = undefined;
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    progress.diskFault = String(cause);
    throw error;
  }
}

function verifyAll(
  edge: Edge,
  feed: Feed,
  records: readonly FeedRecord[],
): { trusted: FeedRecord[]; refused: Refusal[] } {
  const trusted: FeedRecord[] = [];
  const refused: Refusal[] = [];
  for (const record of records) {
    const message = findFault(record, feed, edge.feedKeys);
    if (message === undefined) trusted.push(record);
    else refused.push({ kind: record.kind, id: record.id, rev: record.rev, stage: "verify", message });
  }
  return { trusted, refused };
}

function measureOf(edge: Edge, records: readonly FeedRecord[]): Measure {
  const coming = records.filter(({ kind, op }) => kind === "document" && op === "put").length;
  return { held: edge.state.index().documents(), coming };
}

/** Records that were refused count in the state hash too: the control plane knows that they are there. */
function settle(edge: Edge, reply: ChangesReply, refused: readonly Refusal[]): void {
  const index = edge.state.index();
  for (const record of reply.records) {
    index.take(record);
    edge.refusals.clear(record);
  }
  edge.refusals.add(refused);
  edge.progress.applied = reply.to;
}

interface Page {
  readonly records: readonly FeedRecord[];
  readonly to: number;
  readonly measure: Measure;
}

async function activate(edge: Edge, feed: Feed, whole: Page, signal: AbortSignal): Promise<Refusal[]> {
  const known = whole.records.filter((record) => edge.heldBack.has(record));
  const page = { ...whole, records: whole.records.filter((record) => !edge.heldBack.has(record)) };
  return [...known.map(crashRefusal), ...(await activateOthers(edge, feed, page, signal))];
}

async function activateOthers(edge: Edge, feed: Feed, page: Page, signal: AbortSignal): Promise<Refusal[]> {
  const documents = page.records.filter(({ kind }) => kind === "document");
  const views = new Map(documents.map((record) => [record.id, viewDocument(record.body)]));
  for (const [id, { origins }] of views) edge.origins.note(id, origins);
  await edge.origins.settle(RESOLVE_WITHIN_MS);
  await edge.pinsFile.write();
  for (const record of page.records) edge.secrets.note(record);
  const unknown = page.records.flatMap((record) => edge.node.note(record) ?? []);

  const serving = await mayPush(
    edge,
    page.records.some(({ kind }) => kind === "structure"),
    signal,
  );
  // No document comes before the secrets that it names, and none of those goes before it does.
  const closed = serving ? await edge.secrets.bring(edge.control.keepSecrets) : [];
  edge.crashes.applied(page.records);
  const refused = serving ? await pushPage(edge, feed, page) : [];
  const { refusal, loaded } = await applyNewestStructure(edge, page.records);
  if (refusal !== undefined) refused.push(refusal);
  if (!edge.nginx.running()) return [...refused, ...closed, ...unknown];

  const bad = new Set([...refused, ...loaded].map(keyOf));
  const served = documents.filter((record) => record.op === "put" && !bad.has(keyOf(record)));
  const expectations = served.flatMap(({ id, rev }) => (views.get(id)?.hosts ?? []).map((host) => ({ host, id, rev })));
  refused.push(...(await prove(edge, expectations, signal)));
  assertBearable(refused, page.measure);
  // A secret that does not open costs those who need it, and is no reason for the alarm.
  return [...refused, ...loaded, ...closed, ...unknown];
}

async function pushPage(edge: Edge, feed: Feed, { records, to, measure }: Page): Promise<Refusal[]> {
  await edge.origins.pin(edge.control.pin);
  const refused = await push(edge.control, records, {
    feedId: feed.feedId,
    from: edge.progress.applied,
    to,
    afterPiece: (until) => assertBearable(until, measure),
  });
  await edge.secrets.takeAway(edge.control.keepSecrets);
  return refused;
}

interface StructureOutcome {
  readonly refusal?: Refusal;
  /** Documents that nginx refused as it began with this structure: no alarm for those, the others are served already. */
  readonly loaded: readonly Refusal[];
}

/** A burst of structures becomes one: only the newest is tried, the others are history. */
async function applyNewestStructure(edge: Edge, records: readonly FeedRecord[]): Promise<StructureOutcome> {
  const newest = records.findLast(({ kind, op }) => kind === "structure" && op === "put");
  if (newest === undefined) return { loaded: [] };
  if (edge.nginx.isResting()) {
    edge.progress.structureDue = newest;
    return { loaded: [] };
  }
  const wasRunning = edge.nginx.running();
  const refusal = await applyStructure(edge, newest);
  if (refusal !== undefined) {
    edge.log.error(
      { structure: refusal.rev, stage: refusal.stage, reason: refusal.message },
      "a structure was refused",
    );
    return { refusal, loaded: [] };
  }
  // One that just began has loaded the disk, this page included.
  return { loaded: wasRunning ? [] : await bringUpToDate(edge) };
}

/** Through the real listener, or it is no proof. */
export async function prove(edge: Edge, expectations: readonly Expectation[], signal: AbortSignal): Promise<Refusal[]> {
  // One that is away on purpose has loaded the disk before it answers.
  if (!edge.nginx.running()) return [];
  const running = await edge.structures.current();
  const [door, secureDoor] = running === undefined ? [] : doorsOf(running.structure.probe);
  if (door === undefined || expectations.length === 0) return [];
  const probing = { secret: () => edge.progress.probeSecret, signal };
  const refused = await probe(expectations, { ...probing, door });
  if (secureDoor !== undefined)
    await watchSecureDoor(edge, { expectations, refused }, { ...probing, door: secureDoor });
  return refused;
}
