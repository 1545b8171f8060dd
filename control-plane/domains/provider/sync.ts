// Takes over what providers say of their traffic. Every step can be repeated and may be done by several at once: rows replace
// rows, and how far it came is noted last. So there is nothing to hold, and nothing to repair.
import { askClickHouse, type ClickHouse } from "../../database/clickhouse.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import { type ApiSettings, openApi } from "./apis.ts";
import { findLinksToSync, type LinkRecord, nextPull, recordLeftOut, recordSynced } from "./link-store.ts";
import { BACK_MAX_MS, batchesOf, piecesOf, REVISED_MS, type SyncBatch } from "./rules.ts";
import { type ProviderApi, ProviderError, type ProviderName } from "./statistics.ts";
import { insertStatistics, sumUp } from "./statistics-store.ts";
import { findProvider, recordFinding } from "./store.ts";

/** So many requests in a row that were refused, or three that failed: the provider is left alone until the next time. */
const MISSES_MAX = 60;
const MISSES_OF_FAILURE = 20;

export interface SyncSettings extends ApiSettings {
  readonly db: Database;
  readonly clickhouse: ClickHouse;
}

export interface SyncRequest {
  readonly provider: ProviderName;
  /** At least as far back as this. */
  readonly from?: Date | undefined;
  readonly progress?: ((progress: SyncProgress) => void) | undefined;
}

export interface SyncProgress {
  readonly provider: ProviderName;
  /** Of so many pieces of time and resources. */
  readonly done: number;
  readonly pieces: number;
  readonly points: number;
}

export interface ProviderSync {
  readonly provider: ProviderName;
  /** `partly`: not all could be taken over; `error` and `left_out` say why. */
  readonly outcome: "synced" | "partly" | "failed" | "not_configured" | "disabled";
  readonly resources: number;
  /** The longest period that was asked for. */
  readonly from: string | null;
  readonly to: string | null;
  /** Values of five minutes that were taken over, new or again, and what they add up to. */
  readonly points: number;
  readonly requests: number;
  readonly bytes_out: number;
  readonly error: string | null;
  readonly left_out: readonly { readonly resource: string; readonly error: string }[];
}

interface Run {
  readonly settings: SyncSettings;
  readonly provider: ProviderName;
  readonly api: ProviderApi;
  readonly now: Date;
  readonly signal: AbortSignal;
  readonly leftOut: Map<string, string>;
  /** Links of which something is missing: the next run begins there, this one asks for nothing that comes after it. */
  readonly interrupted: Set<string>;
  points: number;
  requests: number;
  bytesOut: number;
  /** Requests in a row that came to nothing. */
  misses: number;
  error: string | null;
}

export async function syncProvider(
  settings: SyncSettings,
  { provider: name, from, progress }: SyncRequest,
  signal: AbortSignal,
): Promise<ProviderSync> {
  const { db, clock } = settings;
  const provider = await findProvider(db, name);
  if (provider === undefined) return nothingDone(name, "not_configured");
  if (!provider.isEnabled) return nothingDone(name, "disabled");

  const now = clock();
  const endedAfter = new Date(Math.min(now.getTime() - REVISED_MS, from?.getTime() ?? now.getTime()));
  const links = await findLinksToSync(db, { provider: name, endedAfter });
  const api = openApi(provider, settings);
  const batches = batchesOf(links, { now, from, resourcesMax: api.resourcesMax });
  const missing = { leftOut: new Map<string, string>(), interrupted: new Set<string>() };
  const run: Run = { settings, provider: name, api, now, signal, ...missing, ...NOTHING_YET };

  const pieces = batches.flatMap((batch) => piecesOf(batch, api.periodMaxMs).map((piece) => ({ batch, piece })));
  for (const [index, { batch, piece }] of pieces.entries()) {
    if (run.misses >= MISSES_MAX) break;
    const open = batch.links.filter(({ id, resource }) => !run.leftOut.has(resource) && !run.interrupted.has(id));
    await takeOver(run, open, { ...piece, isLast: piece.to.getTime() === batch.to.getTime() && batch.isWhole });
    progress?.({ provider: name, done: index + 1, pieces: pieces.length, points: run.points });
  }
  const synced = summaryOf(run, batches);
  const finding = { syncedAt: clock(), syncError: synced.error ?? leftOutWords(synced) };
  await inTransaction(db, (tx) => recordFinding(tx, provider, finding));
  return synced;
}

const NOTHING_YET = { points: 0, requests: 0, bytesOut: 0, misses: 0, error: null };

interface Piece {
  readonly from: Date;
  readonly to: Date;
  /** With it everything that may be revised was asked for. */
  readonly isLast: boolean;
}

async function takeOver(run: Run, links: readonly LinkRecord[], piece: Piece): Promise<void> {
  if (links.length === 0 || run.misses >= MISSES_MAX) return;
  const { settings, provider, signal } = run;
  const resources = [...new Set(links.map(({ resource }) => resource))];
  const pull = await nextPull(settings.db);
  const statistics = await answerOf(run, run.api.statistics({ resources, from: piece.from, to: piece.to }, signal));
  if (statistics instanceof ProviderError) return leaveOut(run, links, piece, statistics);

  const byResource = new Map(links.map((link) => [link.resource, link]));
  const rows = statistics.flatMap((statistic) => {
    const link = byResource.get(statistic.resource);
    return link === undefined ? [] : [{ link, statistic }];
  });
  await askClickHouse(async () => {
    await insertStatistics(settings.clickhouse, { rows, pull }, signal);
    const counted = { provider, resources, from: piece.from, to: piece.to };
    await sumUp(settings.clickhouse, counted, await nextPull(settings.db), signal);
  });
  const ids = links.map(({ id }) => id);
  const oldest = new Date(run.now.getTime() - BACK_MAX_MS);
  const revisedAt = piece.isLast ? run.now : undefined;
  const synced = { from: piece.from, until: piece.to, oldest, revisedAt };
  await inTransaction(settings.db, (tx) => recordSynced(tx, ids, synced));
  run.points += rows.length;
  run.requests += sum(rows.map(({ statistic }) => statistic.requests));
  run.bytesOut += sum(rows.map(({ statistic }) => statistic.bytesOut));
}

async function answerOf<T>(run: Run, asked: Promise<T>): Promise<T | ProviderError> {
  try {
    const answer = await asked;
    run.misses = 0;
    return answer;
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
}

/** One resource that the provider does not know spoils the answer for all: halves are asked until it is found. */
async function leaveOut(run: Run, links: readonly LinkRecord[], piece: Piece, error: ProviderError): Promise<void> {
  if (error.fault === "denied") {
    run.misses = MISSES_MAX;
    run.error = error.message;
    return;
  }
  if (error.fault === "passing") {
    run.misses += MISSES_OF_FAILURE;
    run.error = error.message;
    for (const { id } of links) run.interrupted.add(id);
    return;
  }
  run.misses += 1;
  if (run.misses >= MISSES_MAX) run.error = error.message;
  const [first] = links;
  if (links.length === 1 && first !== undefined) {
    run.leftOut.set(first.resource, error.message);
    await inTransaction(run.settings.db, (tx) => recordLeftOut(tx, [first.id], error.message));
    return;
  }
  const middle = Math.ceil(links.length / 2);
  await takeOver(run, links.slice(0, middle), piece);
  await takeOver(run, links.slice(middle), piece);
}

function summaryOf(run: Run, batches: readonly SyncBatch<LinkRecord>[]): ProviderSync {
  const times = (at: "from" | "to") => batches.map((batch) => batch[at].getTime());
  const resources = new Set(batches.flatMap(({ links }) => links.map(({ resource }) => resource)));
  const leftOut = [...run.leftOut].map(([resource, error]) => ({ resource, error }));
  const isWhole = run.error === null && leftOut.length === 0;
  return {
    provider: run.provider,
    outcome: isWhole ? "synced" : run.points > 0 ? "partly" : "failed",
    resources: resources.size,
    from: batches.length === 0 ? null : new Date(Math.min(...times("from"))).toISOString(),
    to: batches.length === 0 ? null : new Date(Math.max(...times("to"))).toISOString(),
    points: run.points,
    requests: run.requests,
    bytes_out: run.bytesOut,
    error: run.error,
    left_out: leftOut,
  };
}

function leftOutWords({ left_out: leftOut }: ProviderSync): string | null {
  const [first] = leftOut;
  if (first === undefined) return null;
  const others = leftOut.length === 1 ? "" : ` And ${leftOut.length - 1} more.`;
  return `${first.resource} was left out: ${first.error}${others}`;
}

function nothingDone(provider: ProviderName, outcome: ProviderSync["outcome"]): ProviderSync {
  const sums = { points: 0, requests: 0, bytes_out: 0 };
  return { provider, outcome, resources: 0, from: null, to: null, ...sums, error: null, left_out: [] };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
