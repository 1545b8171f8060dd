// What is read across purges, groups, edges and their reports: how far each purge got.
import type { Refusal } from "../../../agents/contract.ts";
import type { Reads } from "../../database/transaction.ts";
import {
  type EdgeGroupRecord,
  type EdgeNodeRecord,
  findGroups,
  findNodesOfGroup,
  findProgress,
  findRefusingNodes,
  type GroupProgress,
  seenSince,
} from "../edge-node/index.ts";
import { findFeed } from "../feed/index.ts";
import { type DeliveryRow, findDeliveries } from "./delivery-store.ts";
import { statusOf } from "./rules.ts";
import type { ListedPurgeReply, PurgeReply } from "./schema.ts";
import type { ListedPurgeRow, PurgeRow } from "./store.ts";

interface Moment {
  readonly now: Date;
  readonly feedId: string | undefined;
  readonly progress: ReadonlyMap<string, GroupProgress> | undefined;
  readonly deliveries: ReadonlyMap<string, readonly DeliveryRow[]>;
  /** Ids of purges that some edge that answers refuses. */
  readonly refused: ReadonlySet<string>;
}

export async function purgesToReply(
  reads: Reads,
  rows: readonly ListedPurgeRow[],
  now: Date,
): Promise<readonly ListedPurgeReply[]> {
  const moment = await momentOf(reads, rows, now);
  return rows.map((row) => listedToReply(row, moment));
}

export async function purgeToReply(reads: Reads, row: PurgeRow, now: Date): Promise<PurgeReply> {
  const moment = await momentOf(reads, [row], now);
  const listed = listedToReply(row, moment);
  const groups = new Map((await findGroups(reads)).map((group) => [group.id, group]));
  const edges: PurgeReply["edges"] = [];
  for (const delivery of moment.deliveries.get(row.id) ?? []) {
    const group = groups.get(delivery.scope);
    if (group === undefined) continue;
    const nodes = await findNodesOfGroup(reads, group.id);
    edges.push(...nodes.map((node) => edgeToReply(node, { group, delivery, told: row.appended_at ?? now }, moment)));
  }
  return {
    ...listed,
    items: [...row.items],
    providers: [{ name: "gotipath", status: listed.status }],
    edges,
  };
}

async function momentOf(reads: Reads, rows: readonly Pick<PurgeRow, "id">[], now: Date): Promise<Moment> {
  const feed = await findFeed(reads);
  const deliveries = new Map<string, DeliveryRow[]>(rows.map(({ id }) => [id, []]));
  for (const row of await findDeliveries(reads, [...deliveries.keys()])) deliveries.get(row.purge_id)?.push(row);
  const since = seenSince(now);
  const refused = new Set<string>();
  for (const scope of new Set([...deliveries.values()].flat().map((row) => row.scope))) {
    for (const node of await findRefusingNodes(reads, scope, since)) {
      for (const { kind, id } of node.report?.refused ?? []) if (kind === "purge") refused.add(id);
    }
  }
  // Before the first worker starts there is no feed.
  const progress = feed && (await findProgress(reads, { feedId: feed.feed_id, seenSince: since }));
  return { now, feedId: feed?.feed_id, progress, deliveries, refused };
}

function listedToReply(row: ListedPurgeRow, moment: Moment): ListedPurgeReply {
  const deliveries = moment.deliveries.get(row.id) ?? [];
  const told = deliveries.map(({ scope, done_at }) => ({
    isDone: done_at !== null,
    isLive: (moment.progress?.get(scope)?.live ?? 0) > 0,
  }));
  const status = moment.refused.has(row.id) ? "failed" : statusOf(row.appended_at === null ? undefined : told);
  const doneAt = Math.max(row.appended_at?.getTime() ?? 0, ...deliveries.map(({ done_at }) => done_at?.getTime() ?? 0));
  return {
    id: row.id,
    distribution_id: row.distribution_id,
    type: row.type,
    count: row.marks,
    status,
    created_by: row.created_by,
    created_at: row.created_at.toISOString(),
    done_at: status === "done" ? new Date(doneAt).toISOString() : null,
  };
}

interface Told {
  readonly group: EdgeGroupRecord;
  readonly delivery: DeliveryRow;
  readonly told: Date;
}

function edgeToReply(
  node: EdgeNodeRecord,
  { group, delivery, told }: Told,
  moment: Moment,
): PurgeReply["edges"][number] {
  const report = node.report?.feed_id === moment.feedId ? node.report : null;
  const refusal = report?.refused.find(({ kind, id }) => kind === "purge" && id === delivery.purge_id);
  const isSeen = node.reportedAt !== null && node.reportedAt > seenSince(moment.now);
  const state = stateOf({ refusal, isSeen, isApplied: (report?.applied ?? 0) >= delivery.rev });
  const seenAt = node.reportedAt ?? node.createdAt;
  const since = { done: delivery.done_at ?? seenAt, waiting: told, refused: told, unseen: seenAt }[state];
  return {
    edge_id: node.id,
    edge: node.name,
    group_id: group.id,
    group: group.name,
    state,
    reason: refusal === undefined ? null : `${refusal.stage}: ${refusal.message}`,
    since: since.toISOString(),
  };
}

interface EdgeStanding {
  readonly refusal: Refusal | undefined;
  readonly isSeen: boolean;
  readonly isApplied: boolean;
}

function stateOf({ refusal, isSeen, isApplied }: EdgeStanding): PurgeReply["edges"][number]["state"] {
  if (refusal !== undefined) return "refused";
  if (isApplied) return "done";
  return isSeen ? "waiting" : "unseen";
}
