// What a deployment's outcome means for a distribution: its status, and its name once the edges have let go of it.
import type { Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { markOriginsLetGo } from "../origin/index.ts";
import { type DomainRecord, findClaim, findClaimsBelow, releaseClaim } from "./claim-store.ts";
import { LOST_REASON } from "./claims.ts";
import { RIVAL_REASON } from "./create.ts";
import { distributionChanged, domainClaimed } from "./jobs.ts";
import { findDistributionOfClaim, lockDistribution, updateDistribution, updateStatus } from "./store.ts";

/** More are looked at in their own time. */
const WAITING_MAX = 1000;

export interface DeploymentOutcome {
  readonly status: "deploying" | "active" | "failed" | "removed";
  readonly reason: string | null;
  readonly at: Date;
}

/** What the deployment says of a distribution becomes its status, unless the customer has since decided otherwise. */
export async function recordDeployment(tx: Tx, id: string, outcome: DeploymentOutcome): Promise<void> {
  const record = await lockDistribution(tx, id);
  if (record === undefined) return;
  if (outcome.status === "removed") {
    if (record.deletedAt === null || record.gotipathDeletedAt !== null) return;
    await updateStatus(tx, id, { status: "deleted", statusReason: null, gotipathDeletedAt: outcome.at });
    await markOriginsLetGo(tx, id, outcome.at);
    if (record.domainId !== null) await passOnClaim(tx, record.domainId);
    return;
  }
  if (record.deletedAt !== null || record.status === "disabled") return;
  const claim = record.domainId === null ? undefined : await findClaim(tx, record.domainId);
  const { status, reason } = standingOf(claim, { ...outcome, status: outcome.status });
  if (record.status === status && record.statusReason === reason) return;
  await updateStatus(tx, id, { status, statusReason: reason });
}

interface Standing {
  readonly status: "deploying" | "active" | "failed";
  readonly reason: string | null;
}

/** Whoever lost the name has failed, however well the edges serve the rest. */
function standingOf(claim: DomainRecord | undefined, { status, reason }: Standing): Standing {
  if (claim === undefined || claim.isServing) return { status, reason };
  if (claim.lostAt !== null) return { status: "failed", reason: LOST_REASON };
  return { status, reason: reason ?? RIVAL_REASON };
}

/** The edges have let go of the name before anybody else gets it: two documents never hold one host. */
async function passOnClaim(tx: Tx, domainId: string): Promise<void> {
  const released = await releaseClaim(tx, domainId);
  if (released === undefined) return;
  const { name, heirId } = released;
  // Whoever waited for a wildcard over their name is looked at.
  for (const id of name.startsWith("*.") ? await findClaimsBelow(tx, name, WAITING_MAX) : []) {
    await enqueueJob(tx, domainClaimed, { domain_id: id });
  }
  const heir = heirId && (await findDistributionOfClaim(tx, heirId));
  if (!heir) return;
  await updateDistribution(tx, heir.id, { statusReason: null });
  await enqueueJob(tx, distributionChanged, { distribution_id: heir.id });
}
