// Waits until the edges have a version of a distribution, for callers who prefer that to asking again.
import type { Reads } from "../../database/transaction.ts";
import { createSharedWait } from "../../http/shared-wait.ts";
import { findSourceVersion, type UntilDeployed } from "../distribution/index.ts";
import { type DeploymentRow, findDeployments } from "./store.ts";

interface Wanted {
  readonly distributionId: string;
  readonly version: number;
}

export function waitForDeployments(db: Reads): UntilDeployed {
  const outcomes = createSharedWait<Wanted>(async (items) => {
    const ids = [...new Set(items.map(({ distributionId }) => distributionId))];
    const rows = new Map<string, DeploymentRow[]>(ids.map((id) => [id, []]));
    for (const row of await findDeployments(db, ids)) rows.get(row.distribution_id)?.push(row);
    return ({ distributionId, version }) => isDeployed(rows.get(distributionId) ?? [], version);
  });

  return async (distributionId, { waitSeconds, signal }) => {
    const version = (await findSourceVersion(db, distributionId)) ?? 0;
    const over = AbortSignal.any([signal, AbortSignal.timeout(waitSeconds * 1000)]);
    await outcomes.until({ distributionId, version }, over);
  };
}

function isDeployed(rows: readonly DeploymentRow[], version: number): boolean {
  return (
    rows.length > 0 && rows.every((row) => row.source_version >= version && !/^(deploying|removing)$/.test(row.state))
  );
}
