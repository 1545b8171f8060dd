// Waits until the edges have a version of a distribution, for callers who prefer that to asking again.
import { setTimeout as pause } from "node:timers/promises";
import type { Reads } from "../../database/transaction.ts";
import { findSourceVersion, type UntilDeployed } from "../distribution/index.ts";
import { findDeployments } from "./store.ts";

// A change is on the edges after some 20 ms on a quiet platform; asked more and more rarely after that.
const FIRST_PAUSE_MS = 15;
const PAUSE_MAX_MS = 250;

export function waitForDeployments(db: Reads): UntilDeployed {
  return async (distributionId, { waitSeconds, signal }) => {
    const version = (await findSourceVersion(db, distributionId)) ?? 0;
    const over = AbortSignal.any([signal, AbortSignal.timeout(waitSeconds * 1000)]);
    for (let pauseMs = FIRST_PAUSE_MS; !over.aborted; pauseMs = Math.min(pauseMs * 1.5, PAUSE_MAX_MS)) {
      const rows = await findDeployments(db, [distributionId]);
      const isOver = rows.every((row) => row.source_version >= version && !/^(deploying|removing)$/.test(row.state));
      if (rows.length > 0 && isOver) return;
      await pause(pauseMs, undefined, { signal: over }).catch(() => {});
    }
  };
}
