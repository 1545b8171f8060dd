// One distribution for whoever hangs something on it: the account's own, or a problem.
import { Problem } from "../../../platform/problem.ts";
import type { Reads } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { distributionDeleted } from "./problems.ts";
import { assertOwned } from "./state.ts";
import { type DistributionRecord, findDistribution } from "./store.ts";

/** Also one that was deleted. */
export async function getOwnDistribution(
  reads: Reads,
  { accountId }: Pick<Caller, "accountId">,
  id: string,
): Promise<DistributionRecord> {
  return assertOwned(await findDistribution(reads, id), accountId);
}

export async function getLivingDistribution(
  reads: Reads,
  caller: Pick<Caller, "accountId">,
  id: string,
): Promise<DistributionRecord> {
  const record = await getOwnDistribution(reads, caller, id);
  if (record.deletedAt !== null)
    throw new Problem(distributionDeleted, "It was deleted: no edge keeps anything of it.");
  return record;
}
