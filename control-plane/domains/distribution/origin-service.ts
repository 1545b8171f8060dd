// The origins of a distribution, one at a time. Every change of one is a change of the distribution.
import { Problem } from "../../../platform/problem.ts";
import { inTransaction, type Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import {
  type OriginInput,
  type OriginRecord,
  type PatchOriginInput,
  type PlannedOrigin,
  planAddition,
  planRemoval,
  planUpdate,
  replaceOrigins,
  sealedSettings,
} from "../origin/index.ts";
import { changeDistribution } from "./change.ts";
import { lastOrigin, tooManyOrigins, unknownOrigin } from "./problems.ts";
import { ORIGINS_MAX } from "./schema.ts";
import type { DistributionService, DistributionSettings } from "./service.ts";
import type { DistributionState } from "./state.ts";

export type OriginService = ReturnType<typeof createOriginService>;

/** Which origin of which distribution. */
export interface OriginPlace {
  readonly id: string;
  readonly originId: string;
}

type AssertOriginUnchanged = (current: OriginRecord) => void;

export function createOriginService(
  { db, clock, seal, platform }: DistributionSettings,
  distributions: Pick<DistributionService, "get">,
) {
  async function list(caller: Caller, id: string): Promise<readonly OriginRecord[]> {
    return (await distributions.get(caller, id)).origins;
  }

  async function get(caller: Caller, place: OriginPlace): Promise<OriginRecord> {
    return oneOf((await distributions.get(caller, place.id)).origins, place.originId);
  }

  async function add(caller: Caller, id: string, input: OriginInput): Promise<OriginRecord> {
    return inTransaction(db, async (tx) => {
      let addedId = "";
      const after = await change(tx, caller, { id, action: "origin.create" }, (before) => {
        if (before.origins.length >= ORIGINS_MAX)
          throw new Problem(tooManyOrigins, `A distribution may have up to ${ORIGINS_MAX} origins.`);
        const plan = planAddition(before.origins, input, policyOf(before));
        if (plan.id === undefined) throw invalidRequest(plan.faults);
        addedId = plan.id;
        return plan.planned;
      });
      return oneOf(after.origins, addedId);
    });
  }

  async function update(
    caller: Caller,
    { id, originId }: OriginPlace,
    patch: PatchOriginInput,
    assertUnchanged: AssertOriginUnchanged = () => {},
  ): Promise<OriginRecord> {
    return inTransaction(db, async (tx) => {
      const after = await change(tx, caller, { id, action: "origin.update" }, (before) => {
        const current = oneOf(before.origins, originId);
        assertUnchanged(current);
        const plan = planUpdate(before.origins, current, patch, policyOf(before));
        if (plan.faults.length > 0) throw invalidRequest(plan.faults);
        return plan.planned;
      });
      return oneOf(after.origins, originId);
    });
  }

  async function remove(
    caller: Caller,
    { id, originId }: OriginPlace,
    assertUnchanged: AssertOriginUnchanged = () => {},
  ): Promise<void> {
    await inTransaction(db, (tx) =>
      change(tx, caller, { id, action: "origin.delete" }, (before) => {
        assertUnchanged(oneOf(before.origins, originId));
        if (before.origins.length === 1) throw new Problem(lastOrigin, "Add another one first, or change this one.");
        return planRemoval(before.origins, originId);
      }),
    );
  }

  function change(
    tx: Tx,
    caller: Caller,
    { id, action }: { id: string; action: string },
    plan: (before: DistributionState) => readonly PlannedOrigin[],
  ): Promise<DistributionState> {
    const now = clock();
    const owner = { distributionId: id, accountId: caller.accountId, userId: caller.userId, now };
    return changeDistribution(tx, caller, { id, action, now }, async (before) =>
      replaceOrigins(tx, owner, await sealedSettings(tx, seal, owner, plan(before))),
    );
  }

  function policyOf({ record }: DistributionState) {
    return { allowPrivateOrigins: platform.allowPrivateOrigins, originType: record.originType };
  }

  return { list, get, add, update, remove };
}

function oneOf(origins: readonly OriginRecord[], id: string): OriginRecord {
  const found = origins.find((origin) => origin.id === id);
  if (found === undefined) throw new Problem(unknownOrigin, "No origin of this distribution has this id.");
  return found;
}
