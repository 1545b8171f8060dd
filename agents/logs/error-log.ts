// nginx's error log in a bounded size: at the limit it becomes error.log.1, and nginx begins a new one.
import { rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../platform/log.ts";
import { isMissing } from "../durable-file.ts";

const BYTES_MAX = 10 * 1024 * 1024;
const LOOK_EVERY_MS = 2_000;

interface ErrorLog {
  /** Where nginx writes error.log. */
  readonly folder: string;
  /** Makes nginx open its log files anew. */
  readonly reopen: () => void;
  readonly log: Logger;
}

/** Runs until the signal aborts. */
export async function keepErrorLogShort({ folder, reopen, log }: ErrorLog, signal: AbortSignal): Promise<void> {
  const path = join(folder, "error.log");
  while (!signal.aborted) {
    try {
      if ((await bytesOf(path)) > BYTES_MAX) {
        await rename(path, `${path}.1`);
        reopen();
      }
    } catch (error) {
      log.error({ error }, "nginx's error log could not be turned over");
    }
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

async function bytesOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}
