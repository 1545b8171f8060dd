// From desired state to the feed: reads one snapshot, compiles, appends what is new to every group's scope. A document
// that does not compile is quarantined alone, with the reason on its distribution; the last good one stays.
import type { z } from "zod";
import type { NodeBody } from "../../../agents/contract.ts";
import { compileStructure, type DesiredGroup } from "../../../edge-templates/index.ts";
import type { Logger } from "../../../platform/log.ts";
import type { Seal } from "../../../platform/seal.ts";
import { type Database, inSnapshot, inTransaction, type Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { findServedPlatform } from "../certificate/index.ts";
import { findDistributionIds } from "../distribution/index.ts";
import {
  type EdgeGroupRecord,
  type EdgeNodeRecord,
  type edgeNodeChanged,
  findGroup,
  findGroups,
  findNode,
  findProgress,
} from "../edge-node/index.ts";
import { createEdgeSecrets, type OpenedSecret, resealSecrets } from "../edge-secret/index.ts";
import {
  appendRecords,
  BATCH_MAX,
  type Candidate,
  candidate,
  type FeedSigner,
  type FeedWriter,
  holdFeed,
  openScope,
  recompileDistributions,
} from "../feed/index.ts";
import { bringPlatformCertificates } from "./certificates.ts";
import { compilationsFor, compileAll } from "./compile-documents.ts";
import { changedAmong, deployToGroup, type GroupDeployment, provenanceOf } from "./deploy-to-group.ts";
import { settleDeployments } from "./jobs.ts";
import { keyOf } from "./needed-secrets.ts";
import { holdFeedToCompile } from "./newest-compiler.ts";
import { recordCompiled } from "./rollout.ts";
import { findHoldingRollout } from "./rollout-store.ts";
import { recordOutcomes } from "./status.ts";

export interface CompilerSettings {
  readonly db: Database;
  readonly signer: FeedSigner;
  /** Opens customers' secrets, for the edges that need them. */
  readonly seal: Seal;
  readonly clock: () => Date;
  /** Names of the edges themselves, which answer `/__edge/health`. */
  readonly ownNames: readonly string[];
  /** Wakes the agents of a scope, after the commit. */
  readonly announce: (scope: string) => void;
  readonly log: Logger;
}

export type Compiler = ReturnType<typeof createCompiler>;

export function createCompiler({ db, signer, seal, clock, ownNames, announce, log }: CompilerSettings) {
  const edgeSecrets = createEdgeSecrets({ db, seal });
  const writerOf = async (tx: Tx, feed = holdFeed(tx)): Promise<FeedWriter> => ({
    feedId: (await feed).feed_id,
    signer,
    now: clock(),
  });
  const compilingWriterOf = (tx: Tx) => writerOf(tx, holdFeedToCompile(tx));

  /**
   * At most a batch of them. Unknown ids are left out: there is nothing to serve and nothing to take away. A group that a
   * distribution is not kept to gets a tombstone, if it had it.
   */
  async function deploy(ids: readonly string[]): Promise<void> {
    const { groups, compilations } = await inSnapshot(db, async (tx) => ({
      groups: await findGroups(tx),
      compilations: await compileAll(tx, edgeSecrets, ids, log),
    }));
    if (compilations.length === 0) return;
    const courier = await edgeSecrets.ready();
    const appendedTo = await inTransaction(db, async (tx) => {
      const writer = await compilingWriterOf(tx);
      const nodes = await findProgress(tx, { feedId: writer.feedId, seenSince: writer.now });
      const held = await findHoldingRollout(tx);
      const deployments: GroupDeployment[] = [];
      for (const { id: groupId } of groups) {
        const moment = {
          ...{ writer, courier, groupId },
          hasNodes: (nodes.get(groupId)?.nodes ?? 0) > 0,
          isHeld: held !== undefined && held.group_id !== groupId,
        };
        deployments.push(await deployToGroup(tx, moment, compilationsFor(groupId, groups, compilations)));
      }
      const touched = deployments.flatMap((deployment) => deployment.touched);
      await recordOutcomes(tx, touched, writer);
      return deployments.flatMap((deployment) => (deployment.appended ? [deployment.groupId] : []));
    });
    for (const groupId of appendedTo) announce(groupId);
  }

  /** The platform's own certificates, which every group has; what their keys were before goes behind them. */
  async function deployPlatformCertificates(): Promise<void> {
    const served = await inSnapshot(db, findServedPlatform);
    const keys: OpenedSecret[] = [];
    for (const certificate of served) keys.push(await edgeSecrets.open(db, keyOf(certificate)));
    if (served.length === 0) return;
    const courier = await edgeSecrets.ready();
    const groups = await inTransaction(db, async (tx) => {
      const writer = await writerOf(tx);
      const found = await findGroups(tx);
      for (const { id } of found) await bringPlatformCertificates(tx, { writer, courier, scope: id }, { served, keys });
      return found;
    });
    for (const { id } of groups) announce(id);
  }

  /** The group's nginx files; not before a node has said what it can do. */
  async function deployStructure(groupId: string): Promise<void> {
    const group = await findGroup(db, groupId);
    if (group === undefined || group.capabilities === null) return;
    const compiled = compileGroup(group, group.capabilities);
    await inTransaction(db, async (tx) => {
      const writer = await compilingWriterOf(tx);
      const scope = await openScope(tx, groupId);
      const held = await findHoldingRollout(tx);
      const isHeld = held !== undefined && held.group_id !== groupId;
      await appendRecords(tx, writer, scope, isHeld ? await changedAmong(tx, groupId, [compiled]) : [compiled]);
    });
    announce(groupId);
  }

  /** What the node's own agent is to know of it; a tombstone when it is gone. */
  async function deployNode({ group_id: groupId, edge_id: id, version }: NodeChange): Promise<void> {
    await inTransaction(db, async (tx) => {
      const group = await findGroup(tx, groupId);
      if (group === undefined) return;
      const node = await findNode(tx, id);
      const writer = await writerOf(tx);
      const scope = await openScope(tx, groupId);
      await appendRecords(tx, writer, scope, [nodeRecord(id, node, version)]);
      // The last one is gone: nobody will say any more that what was to be removed is.
      if (node === undefined) await enqueueJob(tx, settleDeployments, { scope: groupId });
    });
    announce(groupId);
  }

  /** After nodes came, went or got other keys. */
  async function deployKeyring(groupId: string): Promise<void> {
    const courier = await edgeSecrets.ready();
    await inTransaction(db, async (tx) => {
      if ((await findGroup(tx, groupId)) === undefined) return;
      const writer = await writerOf(tx);
      await openScope(tx, groupId);
      await courier.renewKeyring(tx, writer, groupId);
    });
    announce(groupId);
  }

  /** One page of the distributions with secrets in this group, and the next one as a job. */
  async function reseal(scope: string, after: string | null): Promise<void> {
    if (after === null) await deployPlatformCertificates();
    const ids = await edgeSecrets.findUsers(db, scope, { after, limit: BATCH_MAX });
    const last = ids.at(-1);
    if (last === undefined) return;
    await deploy(ids);
    await inTransaction(db, (tx) => enqueueJob(tx, resealSecrets, { scope, after: last }));
  }

  function compileGroup(group: EdgeGroupRecord, capabilities: DesiredGroup["capabilities"]): Candidate {
    const { id, name, settings, version } = group;
    try {
      const compiled = compileStructure({ id, name, settings, capabilities, ownNames });
      return { kind: "structure", id, op: "put", ...compiled, ...provenanceOf(version) };
    } catch (error) {
      log.error({ group: name, error }, "an edge group's settings do not compile");
      throw error;
    }
  }

  /** One page of all distributions, and the next one as a job: whoever is killed goes on where they were. */
  async function recompile({ after, rollout }: Recompilation): Promise<void> {
    // Also what makes a new group whole.
    if (after === null) await deployPlatformCertificates();
    const ids = await findDistributionIds(db, after ?? undefined, BATCH_MAX);
    const last = ids.at(-1);
    if (last !== undefined) await deploy(ids);
    await inTransaction(db, async (tx) => {
      await holdFeedToCompile(tx);
      if (last !== undefined) await enqueueJob(tx, recompileDistributions, { after: last, rollout });
      else if (rollout !== undefined) await recordCompiled(tx, rollout, clock());
    });
  }

  return { deploy, deployPlatformCertificates, deployStructure, deployKeyring, deployNode, recompile, reseal };
}

type NodeChange = z.output<typeof edgeNodeChanged.payload>;
type Recompilation = z.output<typeof recompileDistributions.payload>;

/** `version` is where a node's own count stood when it went. */
function nodeRecord(id: string, node: EdgeNodeRecord | undefined, version: number): Candidate {
  const body = node === undefined ? "" : JSON.stringify({ format: 1, state: node.state } satisfies NodeBody);
  return candidate({ kind: "node", id }, body, { sourceVersion: node?.version ?? version, compilerVersion: 1 });
}
