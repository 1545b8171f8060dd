// What a deployment's outcome means for a distribution: its status, and its name once the edges have let go of it.
import type { Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { markOriginsLetGo } from "../origin/index.ts";
import { RIVAL_REASON } from "./create.ts";
import { distributionChanged } from "./jobs.ts";
import { findClaim, lockDistribution, releaseClaim, updateDistribution, updateStatus } from "./store.ts";

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
  const reason = outcome.reason ?? (claim?.isServing === false ? RIVAL_REASON : null);
  if (record.status === outcome.status && record.statusReason === reason) return;
  await updateStatus(tx, id, { status: outcome.status, statusReason: reason });
}

/** The edges have let go of the name before anybody else gets it: two documents never hold one host. */
async function passOnClaim(tx: Tx, domainId: string): Promise<void> {
  const heirId = await releaseClaim(tx, domainId);
  if (heirId === undefined) return;
  await updateDistribution(tx, heirId, { statusReason: null });
  await enqueueJob(tx, distributionChanged, { distribution_id: heirId });
}
