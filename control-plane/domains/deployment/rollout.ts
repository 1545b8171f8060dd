// A new compiler's work on its way: to the canary group first, to all others once that has it for a while without a new
// refusal. Everything stands in a row, and each step is one transaction with the job that it leads to.
import { randomUUID } from "node:crypto";
import type { Logger } from "../../../platform/log.ts";
import { Problem } from "../../../platform/problem.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import type { Actor } from "../../http/caller.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { recordAudit } from "../audit/index.ts";
import {
  edgeGroupChanged,
  findGroups,
  findNodesOfGroup,
  findProgress,
  findStructureRefusers,
  seenSince,
} from "../edge-node/index.ts";
import { findFeed, findRecordsById, findScope, recompileDistributions } from "../feed/index.ts";
import { rolloutOver, unknownRollout } from "./problems.ts";
import { type CanaryLimits, type CanaryMoment, canaryStep } from "./rollout-rules.ts";
import {
  findHoldingRollout,
  findRefusedIds,
  findRollout,
  findRolloutOf,
  findRollouts,
  insertRollout,
  lockRollouts,
  type RolloutRow,
  supersedeRollouts,
  updateRollout,
} from "./rollout-store.ts";

/** Idempotent: the rollout of a version begins once. */
export async function beginRollout(db: Database, compilerVersion: number, now: Date): Promise<void> {
  await inTransaction(db, async (tx) => {
    await lockRollouts(tx);
    if ((await findRolloutOf(tx, compilerVersion)) !== undefined) return;
    await supersedeRollouts(tx, now);
    const groups = await findGroups(tx);
    const canary = groups.find(({ isCanary }) => isCanary);
    const isTried = canary !== undefined && (await findNodesOfGroup(tx, canary.id)).length > 0 && groups.length > 1;
    if (!isTried) return compileForAll(tx, undefined);
    const rollout: RolloutRow = {
      ...{ id: randomUUID(), compiler_version: compilerVersion, group_id: canary.id, state: "canary", reason: null },
      ...{ refused_before: await refusalsOf(tx, canary.id), refused: 0, compiled_rev: null, quiet_since: null },
      ...{ created_at: now, finished_at: null },
    };
    await insertRollout(tx, rollout);
    await enqueueJob(tx, edgeGroupChanged, { group_id: canary.id });
    await enqueueJob(tx, recompileDistributions, { after: null, rollout: { id: rollout.id, stage: "canary" } });
  });
}

/** Everything was compiled for this stage. */
export async function recordCompiled(
  tx: Tx,
  { id, stage }: { id: string; stage: "canary" | "spreading" },
  now: Date,
): Promise<void> {
  await lockRollouts(tx);
  const rollout = await findRollout(tx, id);
  if (rollout?.state !== stage) return;
  if (stage === "spreading") return updateRollout(tx, id, { state: "done", reason: null, finished_at: now });
  const scope = rollout.group_id === null ? undefined : await findScope(tx, rollout.group_id);
  await updateRollout(tx, id, { compiled_rev: scope?.rev ?? 0 });
}

export interface RolloutSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly limits: CanaryLimits;
  readonly log: Logger;
}

/** Looked at every few seconds, by whichever worker gets the job. */
export async function advanceRollout({ db, clock, limits, log }: RolloutSettings): Promise<void> {
  if ((await findHoldingRollout(db))?.state !== "canary") return;
  await inTransaction(db, async (tx) => {
    await lockRollouts(tx);
    const rollout = await findHoldingRollout(tx);
    if (rollout?.state !== "canary") return;
    const { id, group_id: groupId, compiler_version: compilerVersion } = rollout;
    if (groupId === null) return updateRollout(tx, id, { state: "stopped", reason: "the canary group was deleted" });
    const moment = await momentOf(tx, rollout, groupId, clock());
    const { refused } = moment;
    const next = canaryStep(moment, limits);
    if (next.step === "wait") {
      return updateRollout(tx, id, { refused, quiet_since: next.quietSince, reason: next.reason });
    }
    if (next.step === "spread") {
      log.info({ compilerVersion }, "the canary group runs what a new compiler made; the others follow");
      return spread(tx, rollout);
    }
    log.error(
      { compilerVersion, refused, group: groupId },
      "the canary group refuses what a new compiler made: the other groups keep what they have until an operator decides",
    );
    return updateRollout(tx, id, { state: "stopped", refused, reason: next.reason });
  });
}

async function momentOf(tx: Tx, rollout: RolloutRow, groupId: string, now: Date): Promise<CanaryMoment> {
  const feedId = (await findFeed(tx))?.feed_id ?? "";
  const progress = (await findProgress(tx, { feedId, seenSince: seenSince(now), groupId })).get(groupId);
  const [structure] = await findRecordsById(tx, "structure", [groupId]);
  const isRendered = structure === undefined || structure.compiler_version >= rollout.compiler_version;
  const before = new Set(rollout.refused_before);
  return {
    target: rollout.compiled_rev === null || !isRendered ? null : Math.max(rollout.compiled_rev, structure?.rev ?? 0),
    live: progress?.live ?? 0,
    applied: progress?.applied ?? 0,
    refused: (await refusalsOf(tx, groupId)).filter((one) => !before.has(one)).length,
    refusedThen: rollout.refused,
    quietSince: rollout.quiet_since,
    now,
  };
}

/** Documents that the group refuses, and edges of it that refuse its nginx files. */
async function refusalsOf(reads: Reads, groupId: string): Promise<readonly string[]> {
  const edges = await findStructureRefusers(reads, [groupId]);
  return [...(await findRefusedIds(reads, groupId)), ...edges.map(({ id }) => `structure:${id}`)];
}

async function spread(tx: Tx, { id }: RolloutRow): Promise<void> {
  await updateRollout(tx, id, { state: "spreading", reason: null });
  await compileForAll(tx, id);
}

async function compileForAll(tx: Tx, rolloutId: string | undefined): Promise<void> {
  const rollout = rolloutId === undefined ? undefined : { id: rolloutId, stage: "spreading" as const };
  await enqueueJob(tx, recompileDistributions, { after: null, rollout });
  for (const group of await findGroups(tx)) await enqueueJob(tx, edgeGroupChanged, { group_id: group.id });
}

/** Throws when it is not what the operator has read: asked under the lock, before anything is written. */
type AssertUnchanged = (current: RolloutRow) => void;

interface Decision {
  readonly id: string;
  readonly action: string;
  readonly assertUnchanged: AssertUnchanged | undefined;
}

export type RolloutService = ReturnType<typeof createRolloutService>;

/** What operators see and decide. */
export function createRolloutService({ db }: { db: Database }) {
  /** The other groups follow at once, whatever the canary says. */
  const goOn = (actor: Actor, id: string, assertUnchanged?: AssertUnchanged) =>
    decide(actor, { id, action: "deployment-rollout.continue", assertUnchanged }, (tx, rollout) => spread(tx, rollout));

  /** The canary keeps what it has; the others keep what they had, until it is continued or a newer compiler comes. */
  const stop = (actor: Actor, id: string, assertUnchanged?: AssertUnchanged) =>
    decide(actor, { id, action: "deployment-rollout.stop", assertUnchanged }, (tx) =>
      updateRollout(tx, id, { state: "stopped", reason: "an operator stopped it" }),
    );

  async function decide(
    actor: Actor,
    { id, action, assertUnchanged }: Decision,
    act: (tx: Tx, rollout: RolloutRow) => Promise<void>,
  ): Promise<RolloutRow> {
    return inTransaction(db, async (tx) => {
      await lockRollouts(tx);
      const before = assertFound(await findRollout(tx, id));
      assertUnchanged?.(before);
      if (before.state !== "canary" && before.state !== "stopped") {
        throw new Problem(rolloutOver, `It is ${before.state}: there is nothing to decide any more.`);
      }
      await act(tx, before);
      const after = assertFound(await findRollout(tx, id));
      const changes = [{ pointer: "/state", before: before.state, after: after.state }];
      const deed = { action, accountId: null, resourceType: "deployment-rollout", resourceId: id, changes };
      await recordAudit(tx, actor, deed);
      return after;
    });
  }

  return {
    list: () => findRollouts(db),
    get: async (id: string) => assertFound(await findRollout(db, id)),
    goOn,
    stop,
  };
}

function assertFound(rollout: RolloutRow | undefined): RolloutRow {
  if (rollout === undefined) throw new Problem(unknownRollout, "No rollout has this id.");
  return rollout;
}
