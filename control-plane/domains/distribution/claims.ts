// What claims mean for their distributions: a name that moves from one to another, and what was seen of it from outside.
import type { Tx } from "../../database/transaction.ts";
import { platformActor } from "../../http/caller.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { recordAudit } from "../audit/index.ts";
import { type HeldClaim, updateClaim } from "./claim-store.ts";
import { distributionChanged } from "./jobs.ts";
import { type DistributionRecord, lockDistribution, updateDistribution, updateStatus } from "./store.ts";

export const LOST_REASON =
  "The name is served for another account now, which proved by DNS that it is theirs. " +
  "Its validation names the record that would prove it to be yours; the cname works still.";

/**
 * The name is served for `winnerId` from now on, of the claims that were locked; for none of them, if that is undefined. All
 * of it is one transaction: two claims never serve one name. Answers whose distributions changed.
 */
export async function moveClaim(
  tx: Tx,
  { claims, winnerId, now }: { claims: readonly HeldClaim[]; winnerId: string | undefined; now: Date },
): Promise<{ readonly lost: readonly HeldClaim[]; readonly won: readonly HeldClaim[] }> {
  const lost = claims.filter(({ id, isServing }) => isServing && id !== winnerId);
  const won = claims.filter(({ id, isServing }) => !isServing && id === winnerId);
  const records = new Map<string, DistributionRecord>();
  // In rising order of ids, as everybody does who locks several.
  for (const id of [...lost, ...won].map(({ distributionId }) => distributionId).sort()) {
    const record = await lockDistribution(tx, id);
    if (record !== undefined) records.set(id, record);
  }
  for (const claim of lost) {
    await updateClaim(tx, claim.id, { isServing: false, lostAt: now });
    await change(tx, claim, { record: records.get(claim.distributionId), hasName: false });
  }
  for (const claim of won) {
    await updateClaim(tx, claim.id, { isServing: true, lostAt: null });
    await change(tx, claim, { record: records.get(claim.distributionId), hasName: true });
  }
  return { lost, won };
}

async function change(
  tx: Tx,
  { distributionId: id, accountId, name }: HeldClaim,
  { record, hasName }: { record: DistributionRecord | undefined; hasName: boolean },
): Promise<void> {
  if (record === undefined || record.deletedAt !== null) return;
  const standing = hasName
    ? ({ status: "pending", statusReason: null } as const)
    : ({ status: "failed", statusReason: LOST_REASON } as const);
  // What the customer disabled stays so; the name moves all the same.
  await updateDistribution(tx, id, record.status === "disabled" ? {} : standing);
  await enqueueJob(tx, distributionChanged, { distribution_id: id });
  await recordAudit(tx, platformActor, {
    action: hasName ? "distribution.name-won" : "distribution.name-lost",
    ...{ accountId, resourceType: "distribution", resourceId: id },
    changes: [{ pointer: "/served_name", before: hasName ? null : name, after: hasName ? name : null }],
  });
}

/** What was seen from outside: nothing of it is compiled, so the version stays. */
export async function recordValidation(
  tx: Tx,
  id: string,
  seen: Partial<Pick<DistributionRecord, "isCnameValid" | "isAcmeChallengeValid">>,
): Promise<void> {
  await updateStatus(tx, id, seen);
}
