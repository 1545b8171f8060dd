// Creates, reads, lists, changes and removes distributions. Every change goes through change.ts.
import type { FieldFault } from "../../../platform/problem.ts";
import type { Seal } from "../../../platform/seal.ts";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { recordAudit } from "../audit/index.ts";
import { isPolicyOf } from "../cache-policy/index.ts";
import { discardAutomatic } from "../certificate/index.ts";
import { planOrigins, replaceOrigins, sealedSettings } from "../origin/index.ts";
import { certificateForCopy } from "./certificate-choice.ts";
import { changeDistribution, lockedState } from "./change.ts";
import { columnsOfInput, columnsOfPatch } from "./columns.ts";
import { chooseName, type DistributionPlatform, insertNew } from "./create.ts";
import { distributionChanged } from "./jobs.ts";
import { copyOf } from "./rollback.ts";
import type { CloneDistributionInput, CreateDistributionInput, PatchDistributionInput } from "./schema.ts";
import { assertOwned, type DistributionState, type DistributionWithOrigins, withOrigins } from "./state.ts";
import { findDistribution, updateDistribution } from "./store.ts";

export type DistributionService = ReturnType<typeof createDistributionService>;

/** Throws when it is not what the caller has read: asked under the row's lock, before anything is written. */
export type AssertUnchanged = (current: DistributionWithOrigins) => void;

export interface DistributionSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly seal: Seal;
  readonly platform: DistributionPlatform;
}

export function createDistributionService({ db, clock, seal, platform }: DistributionSettings) {
  async function create(caller: Caller, input: CreateDistributionInput): Promise<DistributionWithOrigins> {
    const name = chooseName(input, platform.zone);
    const plan = planOrigins([input.origin].flat(), originPolicy(input), {
      existing: [],
      pointerOf: originPointer(input.origin),
    });
    const faults = [...providerFaults(input), ...("fault" in name ? [name.fault] : []), ...plan.faults];
    faults.push(...(await policyFaults(db, caller, input)));
    if (faults.length > 0 || "fault" in name) throw invalidRequest(faults);
    return inTransaction(db, async (tx) => {
      const now = clock();
      const origins = await sealedSettings(tx, seal, { accountId: caller.accountId, now }, plan.planned);
      const columns = columnsOfInput(input, name.domain);
      const birth = { name, columns, origins, rules: [], action: "distribution.create", now };
      return insertNew(tx, caller, birth, platform);
    });
  }

  /** Also one that was deleted: whoever asks what became of it is told. */
  async function get(caller: Pick<Caller, "accountId">, id: string): Promise<DistributionWithOrigins> {
    return withOrigins(db, assertOwned(await findDistribution(db, id), caller.accountId));
  }

  async function update(
    caller: Caller,
    id: string,
    input: PatchDistributionInput,
    assertUnchanged?: AssertUnchanged,
  ): Promise<DistributionWithOrigins> {
    const policyFault = await policyFaults(db, caller, input);
    if (policyFault.length > 0) throw invalidRequest(policyFault);
    return inTransaction(db, (tx) => {
      const now = clock();
      const change = { id, action: "distribution.update", now, columns: columnsOfPatch(input), assertUnchanged };
      return changeDistribution(tx, caller, change, async (before) => {
        if (input.origin !== undefined) await replaceList(tx, caller, before, { input, now });
      });
    });
  }

  async function replaceList(
    tx: Tx,
    caller: Caller,
    { record, origins }: DistributionState,
    { input, now }: { input: PatchDistributionInput; now: Date },
  ): Promise<void> {
    const type = input.origin_type ?? record.originType;
    const plan = planOrigins([input.origin ?? []].flat(), originPolicy({ origin_type: type }), {
      existing: origins,
      pointerOf: originPointer(input.origin),
    });
    if (plan.faults.length > 0) throw invalidRequest(plan.faults);
    const owner = { distributionId: record.id, accountId: caller.accountId, userId: caller.userId, now };
    await replaceOrigins(tx, owner, await sealedSettings(tx, seal, owner, plan.planned));
  }

  /** Viewers get 503 while it is disabled; enabled again, it is deployed as if it were new. */
  async function setEnabled(
    caller: Caller,
    id: string,
    isEnabled: boolean,
    assertUnchanged?: AssertUnchanged,
  ): Promise<DistributionWithOrigins> {
    return inTransaction(db, async (tx) => {
      const now = clock();
      const action = isEnabled ? "distribution.enable" : "distribution.disable";
      const before = await lockedState(tx, caller, { id, action, now, assertUnchanged });
      if ((before.record.status === "disabled") !== isEnabled) return before;
      const status = isEnabled ? "pending" : "disabled";
      await updateDistribution(tx, id, { status, statusReason: null, updatedBy: caller.userId, updatedAt: now });
      await recordStatus(tx, caller, { id, action }, { before: before.record.status, after: status });
      await enqueueJob(tx, distributionChanged, { distribution_id: id });
      return withOrigins(tx, assertOwned(await findDistribution(tx, id), caller.accountId));
    });
  }

  /** The same configuration under another name. */
  async function clone(caller: Caller, id: string, input: CloneDistributionInput): Promise<DistributionWithOrigins> {
    const name = chooseName(input, platform.zone);
    if ("fault" in name) throw invalidRequest([name.fault]);
    return inTransaction(db, async (tx) => {
      const now = clock();
      const source = await lockedState(tx, caller, { id, action: "distribution.clone", now });
      const copy = copyOf(source);
      const certificate = certificateForCopy(source, name);
      const columns = { ...copy.columns, ...certificate, label: input.label ?? name.domain };
      return insertNew(tx, caller, { ...copy, name, columns, action: "distribution.clone", now }, platform);
    });
  }

  /** The row stays, for reports and for whoever asks what became of it; the edges stop serving and then the name is free. */
  async function remove(
    caller: Caller,
    id: string,
    assertUnchanged?: AssertUnchanged,
  ): Promise<DistributionWithOrigins> {
    return inTransaction(db, async (tx) => {
      const now = clock();
      const action = "distribution.delete";
      const before = await lockedState(tx, caller, { id, action, now, assertUnchanged });
      const gone = { status: "deleting", statusReason: null, deletedAt: now } as const;
      await updateDistribution(tx, id, { ...gone, updatedBy: caller.userId, updatedAt: now });
      await recordStatus(tx, caller, { id, action }, { before: before.record.status, after: "deleting" });
      const { leIssue, certificateId } = before.record;
      if (leIssue && certificateId !== null) await discardAutomatic(tx, caller, certificateId, now);
      await enqueueJob(tx, distributionChanged, { distribution_id: id });
      return withOrigins(tx, assertOwned(await findDistribution(tx, id), caller.accountId));
    });
  }

  function originPolicy(input: Pick<CreateDistributionInput, "origin_type">) {
    return {
      allowPrivateOrigins: platform.allowPrivateOrigins,
      originType: input.origin_type === "s3" ? ("s3" as const) : ("custom" as const),
    };
  }

  return { create, get, update, setEnabled, clone, remove };
}

async function recordStatus(
  tx: Tx,
  caller: Caller,
  { id, action }: { id: string; action: string },
  { before, after }: { before: string; after: string },
): Promise<void> {
  const changes = [{ pointer: "/status", before, after }];
  await recordAudit(tx, caller, {
    ...{ action, accountId: caller.accountId, changes },
    ...{ resourceType: "distribution", resourceId: id },
  });
}

async function policyFaults(
  db: Database,
  caller: Caller,
  { cache_policy_id: id }: { cache_policy_id?: string | null | undefined },
): Promise<readonly FieldFault[]> {
  if (id === undefined || id === null || (await isPolicyOf(db, caller.accountId, id))) return [];
  return [{ pointer: "/cache_policy_id", detail: "is no policy of this account and no built-in one." }];
}

function providerFaults(input: CreateDistributionInput): readonly FieldFault[] {
  if (input.type === "gotipath") return [];
  return [
    { pointer: "/type", detail: `${input.type} is not configured on this platform; use gotipath, its own edges.` },
  ];
}

function originPointer(origin: unknown): (index: number) => string {
  return Array.isArray(origin) ? (index) => `/origin/${index}` : () => "/origin";
}
