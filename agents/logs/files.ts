// The access log as files: the one that nginx writes, and those that were rotated away, oldest first. A file is known by
// its inode, which a rename does not change and the file system gives to another file as soon as this one is removed.
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "../durable-file.ts";

export interface LogFile {
  readonly name: string;
  readonly path: string;
  /** Decimal: inodes may be larger than a safe integer. */
  readonly inode: string;
  readonly bytes: number;
  readonly isCurrent: boolean;
  readonly changedAtMs: number;
}

const CURRENT = "access.log";
const rotatedName = /^access\.log\.(\d{13})$/;

export async function listLogFiles(folder: string): Promise<LogFile[]> {
  const rotated = (await readdir(folder)).filter((name) => rotatedName.test(name)).sort();
  const files = await Promise.all([...rotated, CURRENT].map((name) => describe(folder, name)));
  return files.filter((file) => file !== undefined);
}

async function describe(folder: string, name: string): Promise<LogFile | undefined> {
  const path = join(folder, name);
  try {
    const { ino, size, mtimeMs } = await stat(path, { bigint: true });
    return {
      name,
      path,
      inode: `${ino}`,
      bytes: Number(size),
      isCurrent: name === CURRENT,
      changedAtMs: Number(mtimeMs),
    };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** nginx goes on writing to the renamed file until it is told to open its logs anew. */
export async function rotate(folder: string, nowMs: number): Promise<void> {
  await rename(join(folder, CURRENT), join(folder, `${CURRENT}.${String(nowMs).padStart(13, "0")}`));
}

export async function readRange(path: string, start: number, end: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

export async function removeLogFile(folder: string, name: string): Promise<void> {
  await rm(join(folder, name), { force: true });
}
