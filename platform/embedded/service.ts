// What every embedded service is asked for, and what it gives.
import { accessSync, constants, mkdirSync } from "node:fs";
import { resolve } from "node:path";
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

/**
 * A service's folder is its owner's alone: passwords and keys lie in it. Comes back absolute, since the service works in a
 * folder of its own.
 */
export function makeFolder<Settings extends EmbeddedSettings>(settings: Settings): Settings {
  const folder = resolve(settings.folder);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK);
    return { ...settings, folder };
  } catch (error) {
    throw explainDiskFault(error, folder);
  }
}
