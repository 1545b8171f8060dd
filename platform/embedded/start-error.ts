// Why something could not be started, as one sentence for a person that names the cure: shown without a stack. A full disk
// and a missing right read the same wherever they strike.
import { statfsSync } from "node:fs";

export class StartError extends Error {
  override readonly name = "StartError";
}

/** What a long step is doing right now, for a person to read. */
export type Progress = (message: string) => void;

/** The `ENOENT`, `EADDRINUSE`, … of a system error. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

const MEGABYTE = 1024 * 1024;

/** Better said before than in the middle. */
export function assertDiskSpace(folder: string, bytesMin: number): void {
  const disk = statfsSync(folder);
  if (disk.bavail * disk.bsize >= bytesMin) return;
  throw new StartError(
    `The disk below ${folder} has less than ${Math.round(bytesMin / MEGABYTE)} MB left: make room there, or set DATA_DIR to a folder on another disk.`,
  );
}

/** What programs print when a write found no room. */
export function saysDiskFull(output: string): boolean {
  return /No space left on device|ENOSPC|not have enough free space|Disk quota exceeded/i.test(output);
}

export function diskFull(folder: string, cause?: unknown): StartError {
  return new StartError(
    `The disk below ${folder} is full: make room there, or set DATA_DIR to a folder on another disk.`,
    {
      cause,
    },
  );
}

/** Translates a system error; anything else stays as it is. */
export function explainDiskFault(error: unknown, folder: string): unknown {
  const code = errorCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(folder, error);
  if (code !== "EACCES" && code !== "EPERM" && code !== "EROFS") return error;
  return new StartError(
    `This user may not write below ${folder}: give it the right (chown or chmod), or set DATA_DIR to a folder of its own.`,
    { cause: error },
  );
}
