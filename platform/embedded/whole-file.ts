// Small files that are there whole or not at all, whatever interrupts their writing: a kill, a full disk.
import { renameSync, rmSync, writeFileSync } from "node:fs";

/** Readable by its owner alone: passwords and keys are written this way. */
export function writeWholeFile(path: string, content: string): void {
  const draft = `${path}.new`;
  try {
    writeFileSync(draft, content, { mode: 0o600, flush: true });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
