// What every embedded service is asked for, and what it gives.
import { mkdirSync } from "node:fs";
import type { Logger } from "../log.ts";
import type { ChildLedger } from "./run-lock.ts";
import { explainDiskFault, type Progress } from "./start-error.ts";
import type { SupervisedChild } from "./supervise.ts";

export interface EmbeddedSettings {
  /** The service's own: data, password, port, log. */
  readonly folder: string;
  readonly log: Logger;
  readonly ledger?: ChildLedger;
  readonly progress?: Progress;
  /** `none` gives up what a crash may cost, for tests: nothing is flushed to the disk. */
  readonly durability?: "full" | "none";
}

export interface EmbeddedService {
  readonly url: string;
  readonly part: SupervisedChild;
}

/** A service's folder is its owner's alone: passwords and keys lie in it. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw explainDiskFault(error, folder);
  }
}
