// From desired state to the feed: reads one snapshot, compiles, appends what is new to every group's scope. A document
// that does not compile is quarantined alone, with the reason on its distribution; the last good one stays.
import { hashOf } from "../../../agents/contract.ts";
import {
  COMPILER_VERSION,
  CompileRefusal,
  compileDocument,
  compileStructure,
  type DesiredGroup,
} from "../../../edge-templates/index.ts";
import type { Logger } from "../../../platform/log.ts";
import { type Seal, SealError } from "../../../platform/seal.ts";
import { type Database, inSnapshot, inTransaction, type Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { type DesiredState, findDesiredDistribution, findDistributionIds } from "../distribution/index.ts";
import { type EdgeGroupRecord, findGroup, findGroups, findProgress } from "../edge-node/index.ts";
import {
  createEdgeSecrets,
  type EdgeSecrets,
  type OpenedSecret,
  resealSecrets,
  type SecretCourier,
} from "../edge-secret/index.ts";
import {
  appendRecords,
  BATCH_MAX,
  type Candidate,
  type FeedSigner,
  type FeedWriter,
  findScope,
  holdFeed,
  keyOf,
  lockScope,
  openScope,
  recompileDistributions,
} from "../feed/index.ts";
import { marksForArrivals } from "../purge/index.ts";
import { deliveryOf, neededSecrets } from "./needed-secrets.ts";
import { type Compilation, deploymentAfter, isSameOutcome } from "./rules.ts";
import { recordOutcomes } from "./status.ts";
import { type DeploymentRow, findDeployments, upsertDeployments } from "./store.ts";

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
  const writerOf = async (tx: Tx): Promise<FeedWriter> => ({
    feedId: (await holdFeed(tx)).feed_id,
    signer,
    now: clock(),
  });

  /** At most a batch of them. Unknown ids are left out: there is nothing to serve and nothing to take away. */
  async function deploy(ids: readonly string[]): Promise<void> {
    const { groups, compilations } = await inSnapshot(db, async (tx) => ({
      groups: await findGroups(tx),
      compilations: await compileAll(tx, edgeSecrets, ids, log),
    }));
    if (compilations.length === 0) return;
    const courier = await edgeSecrets.ready();
    const appendedTo = await inTransaction(db, async (tx) => {
      const writer = await writerOf(tx);
      const nodes = await findProgress(tx, { feedId: writer.feedId, seenSince: writer.now });
      const deployments: GroupDeployment[] = [];
      for (const group of groups) {
        const hasNodes = (nodes.get(group.id)?.nodes ?? 0) > 0;
        deployments.push(await deployToGroup(tx, { writer, courier, groupId: group.id, hasNodes }, compilations));
      }
      const touched = deployments.flatMap((deployment) => deployment.touched);
      await recordOutcomes(tx, touched, writer);
      return deployments.flatMap((deployment) => (deployment.appended ? [deployment.groupId] : []));
    });
    for (const groupId of appendedTo) announce(groupId);
  }

  /** The group's nginx files; not before a node has said what it can do. */
  async function deployStructure(groupId: string): Promise<void> {
    const group = await findGroup(db, groupId);
    if (group === undefined || group.capabilities === null) return;
    const compiled = compileGroup(group, group.capabilities);
    await inTransaction(db, async (tx) => {
      const writer = await writerOf(tx);
      const scope = await openScope(tx, groupId);
      await appendRecords(tx, writer, scope, [compiled]);
    });
    announce(groupId);
  }

  /** After nodes came, went or got other keys. */
  async function deployKeyring(groupId: string): Promise<void> {
    const courier = await edgeSecrets.ready();
    await inTransaction(db, async (tx) => {
      const writer = await writerOf(tx);
      await openScope(tx, groupId);
      await courier.renewKeyring(tx, writer, groupId);
    });
    announce(groupId);
  }

  /** One page of the distributions with secrets in this group, and the next one as a job. */
  async function reseal(scope: string, after: string | null): Promise<void> {
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
  async function recompile(after: string | null): Promise<void> {
    const ids = await findDistributionIds(db, after ?? undefined, BATCH_MAX);
    const last = ids.at(-1);
    if (last === undefined) return;
    await deploy(ids);
    await inTransaction(db, (tx) => enqueueJob(tx, recompileDistributions, { after: last }));
  }

  return { deploy, deployStructure, deployKeyring, recompile, reseal };
}

async function compileAll(
  tx: Tx,
  edgeSecrets: EdgeSecrets,
  ids: readonly string[],
  log: Logger,
): Promise<readonly Compilation[]> {
  const compilations: Compilation[] = [];
  for (const id of ids) {
    const desired = await findDesiredDistribution(tx, id);
    if (desired !== undefined) compilations.push(await compileOne(tx, { edgeSecrets, log }, id, desired));
  }
  return compilations;
}

async function compileOne(
  tx: Tx,
  { edgeSecrets, log }: { edgeSecrets: EdgeSecrets; log: Logger },
  id: string,
  desired: DesiredState,
): Promise<Compilation> {
  const source = { id, sourceVersion: desired.sourceVersion };
  if (!desired.serve) return { kind: "nothing", ...source };
  try {
    const secrets: OpenedSecret[] = [];
    for (const needed of neededSecrets(desired.distribution)) secrets.push(await edgeSecrets.open(tx, needed));
    return { kind: "document", ...source, ...compileDocument(desired.distribution), secrets };
  } catch (error) {
    if (error instanceof CompileRefusal) return { kind: "refusal", ...source, reason: error.message };
    if (!(error instanceof SealError)) throw error;
    // The others must not wait for it.
    log.error({ distribution: id, error }, "a secret of a distribution does not open");
    return { kind: "refusal", ...source, reason: "one of its secrets does not open: it has to be set again." };
  }
}

interface GroupDeployment {
  readonly groupId: string;
  /** The distributions whose deployment moved. */
  readonly touched: readonly string[];
  readonly appended: boolean;
}

interface GroupMoment {
  readonly writer: FeedWriter;
  readonly courier: SecretCourier;
  readonly groupId: string;
  readonly hasNodes: boolean;
}

async function deployToGroup(
  tx: Tx,
  { writer, courier, groupId, hasNodes }: GroupMoment,
  compilations: readonly Compilation[],
): Promise<GroupDeployment> {
  const scope = await openScope(tx, groupId);
  const ids = compilations.map(({ id }) => id);
  const known = new Map((await findDeployments(tx, ids, groupId)).map((row) => [row.distribution_id, row]));
  // A refusal leaves no record behind, so its version is known here alone.
  const current = compilations.filter(({ id, sourceVersion }) => sourceVersion >= (known.get(id)?.source_version ?? 0));
  const delivery = deliveryOf(current);
  const released = await courier.deliver(tx, writer, groupId, delivery);
  const marks = await marksForArrivals(tx, { scope: groupId, ids: arrivingAmong(current), now: writer.now });
  if (marks.length > 0) await appendRecords(tx, writer, await lockScope(tx, groupId), marks);
  // Secrets and marks come before the documents that need them, secrets go after those that did; each moves the counter.
  const hasMoved = delivery.secrets.length > 0 || marks.length > 0;
  const locked = hasMoved ? await lockScope(tx, groupId) : scope;
  const appended = await appendRecords(tx, writer, locked, current.flatMap(candidateOf));
  await courier.withdraw(tx, writer, groupId, released);
  const rows = current.flatMap((compilation): DeploymentRow[] => {
    const { id } = compilation;
    const last = known.get(id);
    const next = deploymentAfter(last, compilation, appended.get(keyOf({ kind: "document", id })), hasNodes);
    if (next === undefined) return [];
    const since = last !== undefined && isSameOutcome(last, next) ? last.updated_at : writer.now;
    return [{ ...next, distribution_id: id, scope: groupId, updated_at: since }];
  });
  await upsertDeployments(tx, rows);
  return {
    groupId,
    touched: rows.map((row) => row.distribution_id),
    appended: (await findScope(tx, groupId))?.rev !== scope.rev,
  };
}

function arrivingAmong(compilations: readonly Compilation[]): readonly string[] {
  return compilations.flatMap(({ id, kind }) => (kind === "document" ? [id] : []));
}

// A tombstone has no body.
const EMPTY_HASH = hashOf("");

function candidateOf(compilation: Compilation): Candidate[] {
  const { id, kind, sourceVersion } = compilation;
  const common = { kind: "document", id, ...provenanceOf(sourceVersion) } as const;
  if (kind === "refusal") return [];
  if (kind === "nothing") return [{ ...common, op: "del", body: "", hash: EMPTY_HASH }];
  return [{ ...common, op: "put", body: compilation.body, hash: compilation.hash }];
}

function provenanceOf(sourceVersion: number) {
  return { sourceVersion, compilerVersion: COMPILER_VERSION };
}
