// What is read across distributions, groups, edges and the feed: the state of one deployment, everything about one host,
// and changes whose job was lost.
import { z } from "zod";
import type { Refusal } from "../../../agents/contract.ts";
import type { Database, Reads } from "../../database/transaction.ts";
import { inSnapshot } from "../../database/transaction.ts";
import { type DistributionRecord, findDistributionsByHost, findVersionNumber } from "../distribution/index.ts";
import {
  type EdgeGroupRecord,
  type EdgeNodeRecord,
  findGroups,
  findNodesOfGroup,
  seenSince,
} from "../edge-node/index.ts";
import { findFeed, findRecordsById, type RecordRow } from "../feed/index.ts";
import { type CertificateExplanation, explainCertificates } from "./certificate-explanation.ts";
import { outcomeOf } from "./rules.ts";
import type { DeploymentReply } from "./schema.ts";
import { type DeploymentRow, findDeployments } from "./store.ts";

interface GroupMoment {
  readonly group: EdgeGroupRecord;
  readonly deployment: DeploymentRow;
  readonly nodes: readonly EdgeNodeRecord[];
}

export async function readDeployment(reads: Reads, distributionId: string, now: Date): Promise<DeploymentReply> {
  const feed = await findFeed(reads);
  const rows = await findDeployments(reads, [distributionId]);
  const groups = new Map((await findGroups(reads)).map((group) => [group.id, group]));
  const moments: GroupMoment[] = [];
  for (const deployment of rows) {
    const group = groups.get(deployment.scope);
    // A group that it was never to be in is nobody's business.
    if (deployment.state === "removed" && deployment.rev === 0) continue;
    if (group !== undefined) moments.push({ group, deployment, nodes: await findNodesOfGroup(reads, group.id) });
  }
  const outcome = outcomeOf(
    moments.map(({ deployment, nodes }) => ({ ...deployment, isLive: nodes.some((node) => isSeen(node, now)) })),
  );
  return {
    distribution_id: distributionId,
    state: moments.length === 0 ? "pending" : outcome.status,
    reason: outcome.reason,
    revision: Math.max(0, ...rows.map((row) => row.rev)),
    version: await versionOf(reads, distributionId, rows),
    groups: moments.map(groupToReply),
    edges: moments.flatMap((moment) => moment.nodes.map((node) => edgeToReply(node, moment, feed?.feed_id, now))),
  };
}

/** The customer's number of what the edges are to have. */
async function versionOf(reads: Reads, distributionId: string, rows: readonly DeploymentRow[]): Promise<number> {
  const source = Math.max(0, ...rows.map((row) => row.source_version));
  return (await findVersionNumber(reads, distributionId, source)) ?? 0;
}

function groupToReply({ group, deployment }: GroupMoment): DeploymentReply["groups"][number] {
  return {
    group_id: group.id,
    group: group.name,
    revision: deployment.rev,
    state: deployment.state,
    reason: deployment.reason,
    since: deployment.updated_at.toISOString(),
  };
}

function edgeToReply(
  node: EdgeNodeRecord,
  { deployment }: GroupMoment,
  feedId: string | undefined,
  now: Date,
): DeploymentReply["edges"][number] {
  const report = node.report?.feed_id === feedId ? node.report : null;
  const applied = report?.applied ?? 0;
  const refusal = report?.refused.find(({ kind, id }) => kind === "document" && id === deployment.distribution_id);
  return {
    edge_id: node.id,
    edge: node.name,
    group_id: node.groupId,
    revision: deployment.rev,
    state: edgeState({ isSeen: isSeen(node, now), applied, refusal }, deployment),
    applied,
    refused: refusal === undefined ? null : { revision: refusal.rev, stage: refusal.stage, message: refusal.message },
    since: deployment.updated_at.toISOString(),
    last_seen_at: node.reportedAt?.toISOString() ?? null,
  };
}

function edgeState(
  edge: { isSeen: boolean; applied: number; refusal: Refusal | undefined },
  wanted: DeploymentRow,
): DeploymentReply["edges"][number]["state"] {
  if (edge.refusal?.rev === wanted.rev) return "refused";
  if (!edge.isSeen) return "unseen";
  return edge.applied >= wanted.rev ? "applied" : "waiting";
}

function isSeen(node: EdgeNodeRecord, now: Date): boolean {
  return node.reportedAt !== null && node.reportedAt > seenSince(now);
}

export interface HostExplanation {
  readonly host: string;
  readonly feed_id: string | null;
  readonly distributions: {
    readonly id: string;
    readonly domain: string;
    readonly cname: string;
    readonly status: string;
    readonly status_reason: string | null;
    readonly version: number;
    readonly deployment: DeploymentReply;
    /** As it stands in the feed of each group; null where nothing was appended or it was taken away. */
    readonly documents: readonly { group: string; revision: number; document: unknown }[];
    readonly certificates: readonly CertificateExplanation[];
  }[];
  readonly groups: {
    readonly id: string;
    readonly name: string;
    readonly structure: { revision: number; files: readonly { path: string; text: string }[] } | null;
    readonly edges: readonly {
      readonly id: string;
      readonly name: string;
      readonly last_seen_at: string | null;
      readonly applied: number | null;
      readonly structure: number | null;
      readonly documents: number | null;
      readonly refused: readonly Refusal[];
    }[];
  }[];
}

/** Everything that decides what edges answer for a host: for `cdn:debug`. No secret is in any of it. */
export function explainDeployment(db: Database, host: string, now: Date): Promise<HostExplanation> {
  return inSnapshot(db, async (tx) => {
    const distributions = await findDistributionsByHost(tx, host);
    const groups = await findGroups(tx);
    const ids = distributions.map(({ id }) => id);
    const documents = await findRecordsById(tx, "document", ids);
    const structures = await findRecordsById(
      tx,
      "structure",
      groups.map(({ id }) => id),
    );
    const explained: HostExplanation = {
      host,
      feed_id: (await findFeed(tx))?.feed_id ?? null,
      distributions: [],
      groups: [],
    };
    for (const distribution of distributions) {
      explained.distributions.push(await explainDistribution(tx, distribution, { groups, documents, now }));
    }
    for (const group of groups) explained.groups.push(await explainGroup(tx, group, structures));
    return explained;
  });
}

async function explainDistribution(
  reads: Reads,
  distribution: DistributionRecord,
  known: { groups: readonly EdgeGroupRecord[]; documents: readonly RecordRow[]; now: Date },
): Promise<HostExplanation["distributions"][number]> {
  const { id, domain, cname, status, statusReason, version } = distribution;
  const names = new Map(known.groups.map((group) => [group.id, group.name]));
  return {
    ...{ id, domain, cname, status, version },
    status_reason: statusReason,
    deployment: await readDeployment(reads, id, known.now),
    documents: known.documents
      .filter((record) => record.id === id)
      .map((record) => ({
        group: names.get(record.scope) ?? record.scope,
        revision: record.rev,
        document: record.op === "put" ? parseBody(record.body) : null,
      })),
    certificates: await explainCertificates(reads, distribution, names),
  };
}

const structureSchema = z.object({ files: z.array(z.object({ path: z.string(), text: z.string() })) });

async function explainGroup(
  reads: Reads,
  group: EdgeGroupRecord,
  structures: readonly RecordRow[],
): Promise<HostExplanation["groups"][number]> {
  const record = structures.find(({ id }) => id === group.id);
  const nodes = await findNodesOfGroup(reads, group.id);
  return {
    id: group.id,
    name: group.name,
    structure: record ? { revision: record.rev, files: structureSchema.parse(parseBody(record.body)).files } : null,
    edges: nodes.map(({ id, name, report, reportedAt }) => ({
      ...{ id, name },
      last_seen_at: reportedAt?.toISOString() ?? null,
      applied: report?.applied ?? null,
      structure: report?.structure ?? null,
      documents: report?.documents ?? null,
      refused: report?.refused ?? [],
    })),
  };
}

function parseBody(body: string): unknown {
  return JSON.parse(body);
}

const idsSchema = z.object({ rows: z.array(z.object({ id: z.uuid() })) });

/** Distributions that changed before this moment, of which some group has heard nothing. */
export async function findForgottenDistributions(reads: Reads, before: Date, limit: number): Promise<string[]> {
  const result: unknown = await reads.raw(
    // As a set: asked one by one, 100,000 distributions took more than a second.
    `with behind as materialized (
       select d.id, d.updated_at from distribution d
       cross join edge_group g
       left join deployment p on p.scope = g.id and p.distribution_id = d.id
       where d.updated_at < ? and coalesce(p.source_version, 0) < d.version)
     select id from behind group by id order by min(updated_at) limit ?`,
    [before, limit],
  );
  return idsSchema.parse(result).rows.map((row) => row.id);
}

/** Groups whose nginx files are of an older version than the group. */
export async function findForgottenGroups(reads: Reads, before: Date): Promise<string[]> {
  const result: unknown = await reads.raw(
    `select g.id from edge_group g
     left join feed_record r on r.scope = g.id and r.kind = 'structure' and r.id = g.id
     where g.updated_at < ? and g.capabilities is not null and coalesce(r.source_version, 0) < g.version
     order by g.id`,
    [before],
  );
  return idsSchema.parse(result).rows.map((row) => row.id);
}
