// Which workers of nginx ended by a signal, from its error log: the master writes a line for each. Follows the log over its
// turning.
import { type FileHandle, open } from "node:fs/promises";

export interface WorkerDeath {
  readonly pid: number;
  readonly signal: number;
}

export interface WorkerDeaths {
  /** Since the last call. */
  read(): Promise<readonly WorkerDeath[]>;
}

/** At a time; what a flood of other lines hides is not worth more memory. */
const READ_BYTES_MAX = 1024 * 1024;

// The whole line: further on in one, nginx quotes what viewers sent.
const LINE =
  /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[alert\] (\d+)#\d+: worker process (\d+) exited on signal (\d+)(?: \(core dumped\))?$/gm;

/** How workers end that are asked to: hang-up, interrupt, quit, terminate. */
const ASKED_TO_END = new Set([1, 2, 3, 15]);

interface Place {
  readonly inode: number;
  readonly bytes: number;
}

/** What is in the log already has been somebody else's business. Only the running master's word counts. */
export async function followWorkerDeaths(
  path: string,
  runningMaster: () => Promise<number | undefined>,
): Promise<WorkerDeaths> {
  let place = await endOf(path);
  let torn = "";
  /** Running now; one that ended since the last look had its last word. */
  let master = await runningMaster();

  async function masters(): Promise<ReadonlySet<number | undefined>> {
    const before = master;
    master = (await runningMaster()) ?? before;
    return new Set([before, master]);
  }

  async function readOn(): Promise<string> {
    const now = await endOf(path);
    const from = place;
    place = now;
    if (now === undefined) return "";
    if (from === undefined) return await readBetween(path, 0, now.bytes);
    if (from.inode === now.inode) return await readBetween(path, from.bytes, now.bytes);
    const turned = await endOf(`${path}.1`);
    const rest = turned?.inode === from.inode ? await readBetween(`${path}.1`, from.bytes, turned.bytes) : "";
    return rest + (await readBetween(path, 0, now.bytes));
  }

  return {
    read: async () => {
      const text = torn + (await readOn());
      const whole = text.slice(0, text.lastIndexOf("\n") + 1);
      torn = text.slice(whole.length);
      const trusted = await masters();
      return [...whole.matchAll(LINE)]
        .filter(([, by]) => trusted.has(Number(by)))
        .map(([, , pid, signal]) => ({ pid: Number(pid), signal: Number(signal) }))
        .filter(({ signal }) => !ASKED_TO_END.has(signal));
    },
  };
}

async function endOf(path: string): Promise<Place | undefined> {
  return await withFile(path, async (file) => {
    const { ino, size } = await file.stat();
    return { inode: ino, bytes: size };
  });
}

async function readBetween(path: string, from: number, to: number): Promise<string> {
  const start = Math.max(from, to - READ_BYTES_MAX);
  if (to <= start) return "";
  const text = await withFile(path, async (file) => {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(to - start), 0, to - start, start);
    return buffer.toString("latin1", 0, bytesRead);
  });
  if (text === undefined) return "";
  // What is left of a line whose beginning was skipped is no line.
  return start === from ? text : text.slice(Math.max(0, text.indexOf("\n")));
}

/** Undefined when there is no such file, or it cannot be read for now. */
async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
