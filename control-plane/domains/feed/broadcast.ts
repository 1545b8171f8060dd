// Appending the same to the feeds of several groups: each is asked under its lock what it is to get.
import type { Database, Reads, Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { findGroups } from "../edge-node/index.ts";
import { type AppendResult, appendRecords, type Candidate, type FeedWriter } from "./append.ts";
import { recompileDistributions } from "./jobs.ts";
import type { FeedSigner } from "./signer.ts";
import { findRecordHeads, holdFeed, lockScope } from "./store.ts";

/** What a worker needs that appends. */
export interface AppendSettings {
  readonly db: Database;
  readonly signer: FeedSigner;
  readonly clock: () => Date;
  /** Wakes the agents of a scope, after the commit. */
  readonly announce: (scope: string) => void;
}

/** A new scope lacks every document that is older than it. */
export async function openScope(tx: Tx, scope: string) {
  const locked = await lockScope(tx, scope);
  if (locked.created) await enqueueJob(tx, recompileDistributions, { after: null });
  return locked;
}

/** Who writes in this transaction: the feed stays this one until it ends. */
export async function openWriter(tx: Tx, { signer, now }: { signer: FeedSigner; now: Date }): Promise<FeedWriter> {
  return { feedId: (await holdFeed(tx)).feed_id, signer, now };
}

/** What became of the candidates of one group, by `kind:id`. */
export interface GroupAppend {
  readonly scope: string;
  readonly appended: ReadonlyMap<string, AppendResult>;
}

/** In the order in which everybody locks scopes: that of the groups. */
export async function appendToGroups(
  tx: Tx,
  writer: FeedWriter,
  candidatesOf: (scope: string) => Promise<readonly Candidate[]>,
): Promise<readonly GroupAppend[]> {
  const groups: GroupAppend[] = [];
  for (const { id: scope } of await findGroups(tx)) {
    const locked = await openScope(tx, scope);
    groups.push({ scope, appended: await appendRecords(tx, writer, locked, await candidatesOf(scope)) });
  }
  return groups;
}

/** Something of a distribution. */
export interface OfDistribution {
  readonly distributionId: string;
  readonly candidate: Candidate;
}

/** Each to the groups whose edges have the document of its distribution. */
export async function appendToCarriers(
  tx: Tx,
  writer: FeedWriter,
  items: readonly OfDistribution[],
): Promise<readonly GroupAppend[]> {
  const ids = [...new Set(items.map(({ distributionId }) => distributionId))];
  return appendToGroups(tx, writer, async (scope) => {
    const carried = await findCarried(tx, scope, ids);
    return items.flatMap(({ distributionId, candidate }) => (carried.has(distributionId) ? [candidate] : []));
  });
}

/** Those of the distributions whose document the group's edges have. */
async function findCarried(tx: Reads, scope: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const heads = await findRecordHeads(
    tx,
    scope,
    ids.map((id) => ({ kind: "document" as const, id })),
  );
  return new Set(heads.flatMap(({ id, op }) => (op === "put" ? [id] : [])));
}

/** The groups that got anything, to be told after the commit. */
export function scopesOf(groups: readonly GroupAppend[]): readonly string[] {
  return groups.flatMap(({ scope, appended }) =>
    [...appended.values()].some(({ outcome }) => outcome === "append") ? [scope] : [],
  );
}
