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
  const from = await sizeOf(path);
  return {
    emergencies: async () => linesAt("emerg", await readFrom(path, from)),
    alerts: async () => linesAt("alert", await readFrom(path, from)),
  };
}

function linesAt(level: string, text: string): string[] {
  const line = new RegExp(`\\[${level}\\] \\d+#\\d+: (.*)`);
  return text.split("\n").flatMap((one) => line.exec(one)?.[1] ?? []);
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
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
