// Files that survive a power cut: written beside, synced, renamed over, and the folder synced too.
import { chmod, open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

export async function writeDurably(path: string, content: string | Buffer, mode = 0o600): Promise<void> {
  const beside = join(dirname(path), `.${basename(path)}.new`);
  await rm(beside, { force: true });
  const file = await open(beside, "w", mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  // The process's umask may have taken rights away.
  await chmod(beside, mode);
  await rename(beside, path);
  await syncFolder(dirname(path));
}

/** A rename is on disk only when the folder that names the file is. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function findFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
