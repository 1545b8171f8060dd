// The one way in which a customer's change reaches a distribution: under its lock, seen to be something that edges can
// carry, numbered with author and difference, told to the audit log and sent on its way, in one transaction.
import { CompileRefusal, compileDocument } from "../../../edge-templates/index.ts";
import { Problem } from "../../../platform/problem.ts";
import type { Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { type Difference, differences, recordAudit } from "../audit/index.ts";
import { isPolicyOf } from "../cache-policy/index.ts";
import { type Configuration, configurationOf } from "./configuration.ts";
import { findDesiredDistribution } from "./desired.ts";
import { distributionChanged } from "./jobs.ts";
import { distributionDeleted } from "./problems.ts";
import { assertOwned, type DistributionState, readState } from "./state.ts";
import {
  type DistributionRecord,
  findDistribution,
  lockDistribution,
  setConfigurationVersion,
  updateDistribution,
} from "./store.ts";
import { insertVersion } from "./version-store.ts";

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
  await updateDistribution(tx, change.id, { ...change.columns, updatedBy: caller.userId, updatedAt: change.now });
  const after = await stateOf(tx, caller, change.id);
  if (after.record.cachePolicyId !== before.record.cachePolicyId) await assertPolicyKept(tx, after.record);
  await assertDeployable(tx, change.id);
  await enqueueJob(tx, distributionChanged, { distribution_id: change.id });
  return recordChange(tx, caller, change, { before, after });
}

/** The first version of a new distribution. */
export async function recordCreation(tx: Tx, caller: Caller, change: Change): Promise<DistributionState> {
  const after = await stateOf(tx, caller, change.id);
  await assertPolicyKept(tx, after.record);
  await assertDeployable(tx, change.id);
  await enqueueJob(tx, distributionChanged, { distribution_id: change.id });
  return recordChange(tx, caller, change, { before: undefined, after });
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

async function stateOf(tx: Tx, caller: Caller, id: string): Promise<DistributionState> {
  return readState(tx, assertOwned(await findDistribution(tx, id), caller.accountId));
}

/** A policy that is named from now on: it stays until the transaction ends, and then it is in use. */
async function assertPolicyKept(tx: Tx, { accountId, cachePolicyId }: DistributionRecord): Promise<void> {
  if (cachePolicyId === null || (await isPolicyOf(tx, accountId, cachePolicyId))) return;
  throw invalidRequest([{ pointer: "/cache_policy_id", detail: "names a cache policy that is no longer there." }]);
}

/** What no edge could carry is a fault of the request, not of a deployment later. */
async function assertDeployable(tx: Tx, id: string): Promise<void> {
  const desired = await findDesiredDistribution(tx, id);
  if (desired?.serve !== true) return;
  try {
    compileDocument(desired.distribution);
  } catch (error) {
    if (!(error instanceof CompileRefusal)) throw error;
    throw invalidRequest([{ pointer: "", detail: `no edge can carry this: ${error.message}.` }], error);
  }
}

async function recordChange(
  tx: Tx,
  caller: Caller,
  { id, action, now }: Change,
  { before, after }: { before: DistributionState | undefined; after: DistributionState },
): Promise<DistributionState> {
  const previous = before && configurationOf(before);
  const configuration = configurationOf(after);
  const changes = differences(previous, configuration);
  const deed = { action, accountId: caller.accountId, resourceType: "distribution", resourceId: id, changes };
  await recordAudit(tx, caller, deed);
  if (previous !== undefined && changes.length === 0) return after;
  if (previous !== undefined && after.record.configurationVersion === 0) await recordOldest(tx, after, previous);
  const number = Math.max(after.record.configurationVersion, previous === undefined ? 0 : 1) + 1;
  const author = { userId: caller.userId, apiTokenId: caller.apiTokenId };
  await writeVersion(tx, after, { number, action, author, at: now, configuration, changes });
  return { ...after, record: { ...after.record, configurationVersion: number } };
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

async function writeVersion(
  tx: Tx,
  { record }: DistributionState,
  version: {
    number: number;
    action: string;
    author: { userId: string | null; apiTokenId: string | null };
    at: Date;
    configuration: Configuration;
    changes: readonly Difference[];
  },
): Promise<void> {
  const { number, action, author, at: createdAt, configuration, changes } = version;
  const place = { distributionId: record.id, number, sourceVersion: record.version };
  await insertVersion(tx, { ...place, action, ...author, createdAt, configuration, changes });
  await setConfigurationVersion(tx, record.id, number);
}
