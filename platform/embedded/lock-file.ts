// A file that one living process holds. It names its holder, so the lock of a killed one is worth nothing.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { isRunning, markOf, type ProcessMark, processMarkSchema } from "./process-mark.ts";
import { errorCode } from "./start-error.ts";

const POLL_MS = 50;

export interface LockFile {
  release(): void;
}

/** Waits for the holder up to `waitMs`, then answers who it is. */
export async function takeLockFile(file: string, waitMs: number): Promise<LockFile | { readonly heldBy: number }> {
  const giveUpAt = performance.now() + waitMs;
  for (;;) {
    if (createLockFile(file)) return { release: () => rmSync(file, { force: true }) };
    const holder = readHolder(file);
    if (holder !== undefined && isRunning(holder)) {
      if (performance.now() > giveUpAt) return { heldBy: holder.pid };
      await wait(POLL_MS);
    } else {
      clearDeadLock(file);
    }
  }
}

/** Written beside it, then linked: the name appears once only, and never without its content. */
function createLockFile(file: string): boolean {
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, JSON.stringify(markOf(process.pid)), { mode: 0o600 });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Two may clear the same dead lock at once: whoever moved a living lock away by that puts it back. */
function clearDeadLock(file: string): void {
  const aside = `${file}.${process.pid}.dead`;
  try {
    renameSync(file, aside);
    const moved = readHolder(aside);
    if (moved !== undefined && isRunning(moved)) linkSync(aside, file);
  } catch (error) {
    if (errorCode(error) !== "ENOENT" && errorCode(error) !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function readHolder(file: string): ProcessMark | undefined {
  try {
    return processMarkSchema.safeParse(JSON.parse(readFileSync(file, "utf8"))).data;
  } catch {
    return undefined; // gone meanwhile, or not one of ours
  }
}
