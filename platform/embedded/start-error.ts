// Why something could not be started, as one sentence for a person that names the cure: shown without a stack.

export class StartError extends Error {
  override readonly name = "StartError";
}

/** What a long step is doing right now, for a person to read. */
export type Progress = (message: string) => void;

/** Disk full and missing rights read the same wherever they strike; anything else stays as it is. */
export function explainDiskFault(error: unknown, folder: string): unknown {
  const code = errorCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new StartError(
      `The disk below ${folder} is full: make room there, or set DATA_DIR to a folder on another disk.`,
      {
        cause: error,
      },
    );
  }
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new StartError(
      `This user may not write below ${folder}: give it the right (chown or chmod), or set DATA_DIR to a folder of its own.`,
      { cause: error },
    );
  }
  return error;
}

/** The `ENOENT`, `EADDRINUSE`, … of a system error. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
