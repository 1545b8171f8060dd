// The roles of the control plane, in one process or each in its own.
import { type Part, startParts } from "../platform/lifecycle.ts";
import type { Logger } from "../platform/log.ts";
import type { ControlPlaneConfig } from "./config.ts";
import { startApi } from "./roles/api.ts";
import { startScheduler } from "./roles/scheduler.ts";
import { startWorker } from "./roles/worker.ts";

const starters = { api: startApi, worker: startWorker, scheduler: startScheduler };

export type RoleName = keyof typeof starters;

/** Started in the order given, stopped in reverse. */
export function startRoles(
  names: readonly RoleName[],
  config: ControlPlaneConfig,
  logOf: (role: RoleName) => Logger,
): Promise<Part> {
  return startParts(names.map((name) => () => starters[name](config, logOf(name))));
}
