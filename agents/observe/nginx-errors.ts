// What nginx wrote to its error log since a moment: the only place where a reload says why it did not take.
import { open, stat } from "node:fs/promises";

const READ_BYTES_MAX = 64 * 1024;

export interface ErrorLogMark {
  /** The lines at level emerg since the mark, without their time stamps: what kept a configuration from being taken. */
  emergencies(): Promise<string[]>;
  /** The lines at level alert: a worker that died, among others. */
  alerts(): Promise<string[]>;
}

export async function markErrorLog(path: string): Promise<ErrorLogMark> {
  const mark = await endOf(path);
  return {
    emergencies: async () => linesAt("emerg", await readSince(path, mark)),
    alerts: async () => linesAt("alert", await readSince(path, mark)),
  };
}

function linesAt(level: string, text: string): string[] {
  // From the line's beginning: further on in one, nginx quotes what viewers sent.
  const line = new RegExp(`^\\d{4}/\\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d \\[${level}\\] \\d+#\\d+: (.*)`);
  return text.split("\n").flatMap((one) => line.exec(one)?.[1] ?? []);
}

interface End {
  readonly inode: number;
  readonly bytes: number;
}

async function endOf(path: string): Promise<End | undefined> {
  try {
    const { ino, size } = await stat(path);
    return { inode: ino, bytes: size };
  } catch {
    return undefined;
  }
}

/** The log may have been turned over since: it goes on in a new file then. */
async function readSince(path: string, mark: End | undefined): Promise<string> {
  if (mark === undefined) return await readFrom(path, 0);
  const end = await endOf(path);
  if (end?.inode === mark.inode) return await readFrom(path, mark.bytes);
  return (await readFrom(`${path}.1`, mark.bytes)) + (await readFrom(path, 0));
}

async function readFrom(path: string, from: number): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return "";
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(READ_BYTES_MAX), 0, READ_BYTES_MAX, from);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}
