// The one way in which a customer's change reaches a distribution: under its lock, seen to be something that edges can
// carry, numbered with author and difference, told to the audit log and sent on its way, in one transaction.
import { CompileRefusal, compileDocument } from "../../../edge-templates/index.ts";
import { Problem } from "../../../platform/problem.ts";
import type { Tx } from "../../database/transaction.ts";
import type { Actor, Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { differences, recordAudit } from "../audit/index.ts";
import { isPolicyOf } from "../cache-policy/index.ts";
import { discardAutomatic } from "../certificate/index.ts";
import { holdGroups } from "../edge-node/index.ts";
import { chooseCertificate, type Served } from "./certificate-choice.ts";
import { findClaim } from "./claim-store.ts";
import { type Configuration, configurationOf } from "./configuration.ts";
import { desiredDistribution } from "./desired.ts";
import { distributionChanged } from "./jobs.ts";
import { distributionDeleted } from "./problems.ts";
import { assertOwned, type DistributionState, readState } from "./state.ts";
import { type DistributionRecord, lockDistribution, updateDistribution } from "./store.ts";
import { insertVersion } from "./version-store.ts";

const NO_SUCH_GROUP = "names no point of presence: GET /api/v1/points-of-presence lists them.";

export interface Change {
  readonly id: string;
  /** `noun.verb`, for the audit log and the version. */
  readonly action: string;
  readonly now: Date;
  /** What changes of the row itself. */
  readonly columns?: Partial<DistributionRecord>;
  /** Throws when it is not what the caller has read: asked under the lock, before anything is written. */
  readonly assertUnchanged?: ((current: DistributionState) => void) | undefined;
}

export async function changeDistribution(
  tx: Tx,
  caller: Caller,
  change: Change,
  work: (before: DistributionState) => Promise<void>,
): Promise<DistributionState> {
  const before = await lockedState(tx, caller, change);
  await work(before);
  const chosen = await chooseCertificate(tx, caller, await servedOf(tx, before.record), {
    ...{ wish: change.columns ?? {}, now: change.now },
  });
  const changed = { ...change.columns, ...chosen.columns, updatedBy: caller.userId, updatedAt: change.now };
  const after = await readState(tx, { ...before.record, ...changed, version: before.record.version + 1 });
  if (after.record.cachePolicyId !== before.record.cachePolicyId) await assertPolicyKept(tx, after.record);
  await assertGroupsKept(tx, after.record, before.record.edgeGroupIds ?? []);
  await assertDeployable(tx, after);
  const number = await recordVersion(tx, caller, change, { before, after });
  await updateDistribution(tx, change.id, { ...changed, configurationVersion: number });
  if (chosen.discarded !== null) await discardAutomatic(tx, caller, chosen.discarded, change.now);
  await enqueueJob(tx, distributionChanged, { distribution_id: change.id });
  return { ...after, record: { ...after.record, configurationVersion: number } };
}

/** The first version of a distribution whose row is there already, with the version's number. */
export async function recordCreation(
  tx: Tx,
  caller: Caller,
  change: Pick<Change, "action" | "now">,
  state: DistributionState,
): Promise<void> {
  await assertPolicyKept(tx, state.record);
  await assertGroupsKept(tx, state.record, []);
  await assertDeployable(tx, state);
  await recordVersion(tx, caller, { ...change, id: state.record.id }, { before: undefined, after: state });
  await enqueueJob(tx, distributionChanged, { distribution_id: state.record.id });
}

/** Held until the transaction ends: two writers of one distribution take turns. */
export async function lockedState(
  tx: Tx,
  caller: Pick<Caller, "accountId">,
  { id, assertUnchanged }: Change,
): Promise<DistributionState> {
  const record = assertOwned(await lockDistribution(tx, id), caller.accountId);
  const state = await readState(tx, record);
  if (record.deletedAt !== null) throw new Problem(distributionDeleted, "It was deleted and can no longer be changed.");
  assertUnchanged?.(state);
  return state;
}

/** As it stood before the change. */
async function servedOf(tx: Tx, record: DistributionRecord): Promise<Served> {
  const claim = record.domainId === null ? undefined : await findClaim(tx, record.domainId);
  return { ...record, isRival: claim?.isServing === false };
}

/** A policy that is named from now on: it stays until the transaction ends, and then it is in use. */
async function assertPolicyKept(tx: Tx, { accountId, cachePolicyId }: DistributionRecord): Promise<void> {
  if (cachePolicyId === null || (await isPolicyOf(tx, accountId, cachePolicyId))) return;
  throw invalidRequest([{ pointer: "/cache_policy_id", detail: "names a cache policy that is no longer there." }]);
}

/** Edge groups that are named from now on: they stay until the transaction ends, and then they are in use. */
async function assertGroupsKept(
  tx: Tx,
  { edgeGroupIds }: DistributionRecord,
  before: readonly string[],
): Promise<void> {
  const named = (edgeGroupIds ?? []).filter((id) => !before.includes(id));
  if (named.length === 0) return;
  const found = await holdGroups(tx, named);
  const faults = (edgeGroupIds ?? []).flatMap((id, index) =>
    before.includes(id) || found.has(id) ? [] : [{ pointer: `/edge_group_ids/${index}`, detail: NO_SUCH_GROUP }],
  );
  if (faults.length > 0) throw invalidRequest(faults);
}

/** What no edge could carry is a fault of the request, not of a deployment later. */
async function assertDeployable(tx: Tx, state: DistributionState): Promise<void> {
  const desired = await desiredDistribution(tx, state);
  try {
    compileDocument(desired);
  } catch (error) {
    if (!(error instanceof CompileRefusal)) throw error;
    throw invalidRequest([{ pointer: "", detail: `no edge can carry this: ${error.message}.` }], error);
  }
}

/** The number of the version that holds from now on: the former one, when nothing differs. */
export async function recordVersion(
  tx: Tx,
  caller: Actor & Pick<Caller, "accountId">,
  { id, action, now }: Pick<Change, "id" | "action" | "now">,
  { before, after }: { before: DistributionState | undefined; after: DistributionState },
): Promise<number> {
  const previous = before && configurationOf(before);
  const configuration = configurationOf(after);
  const changes = differences(previous, configuration);
  const deed = { action, accountId: caller.accountId, resourceType: "distribution", resourceId: id, changes };
  await recordAudit(tx, caller, deed);
  const { configurationVersion } = after.record;
  if (previous !== undefined && changes.length === 0) return configurationVersion;
  if (previous !== undefined && configurationVersion === 0) await recordOldest(tx, after, previous);
  const number = previous === undefined ? 1 : Math.max(configurationVersion, 1) + 1;
  await insertVersion(tx, {
    ...{ distributionId: id, number, sourceVersion: after.record.version, action, createdAt: now },
    ...{ userId: caller.userId, apiTokenId: caller.apiTokenId, configuration, changes },
  });
  return number;
}

/** A distribution that is older than versions are: what it was before its first numbered change is its first version. */
async function recordOldest(tx: Tx, { record }: DistributionState, configuration: Configuration): Promise<void> {
  await insertVersion(tx, {
    distributionId: record.id,
    number: 1,
    sourceVersion: record.version - 1,
    action: "distribution.create",
    userId: record.createdBy,
    apiTokenId: null,
    createdAt: record.createdAt,
    configuration,
    changes: differences(undefined, configuration),
  });
}
