// One run per data folder, and the ledger of its children: those that a killed run left behind are ended at the next
// start, if they are truly the ones that were recorded.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import type { Part } from "../lifecycle.ts";
import { type LockFile, takeLockFile } from "./lock-file.ts";
import { isRunning, markOf, processMarkSchema, sendSignal } from "./process-mark.ts";
import { explainDiskFault, StartError } from "./start-error.ts";
import { writeWholeFile } from "./whole-file.ts";

export interface ChildLedger {
  add(child: { pid: number; name: string }): void;
  remove(pid: number): void;
}

export interface Run extends Part {
  readonly ledger: ChildLedger;
  /** Names of the children of an earlier, killed run that were still there. */
  readonly endedLeftovers: readonly string[];
}

const ledgerSchema = z.array(processMarkSchema.extend({ name: z.string() })).max(1000);
type LedgerEntry = z.infer<typeof ledgerSchema>[number];

/** The holder may be stopping right now. */
const HOLDER_WAIT_MS = 3000;
const LEFTOVER_STOP_MS = 5000;
const POLL_MS = 50;

export async function openRun(dataFolder: string): Promise<Run> {
  const folder = resolve(dataFolder, "run");
  const lock = await lockFolder(folder, dataFolder);
  const ledgerFile = join(folder, "children.json");
  const endedLeftovers = await endLeftovers(readLedger(ledgerFile));
  return {
    name: "run lock",
    ledger: createLedger(ledgerFile),
    endedLeftovers,
    async stop() {
      rmSync(ledgerFile, { force: true });
      lock.release();
    },
  };
}

async function lockFolder(folder: string, dataFolder: string): Promise<LockFile> {
  try {
    // Nobody may list it, but whoever a service runs as may pass.
    mkdirSync(dataFolder, { recursive: true, mode: 0o711 });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lock = await takeLockFile(join(folder, "up.lock"), HOLDER_WAIT_MS);
    if (!("heldBy" in lock)) return lock;
    throw new StartError(
      `Edgewright already runs on ${dataFolder} (process ${lock.heldBy}): stop that one, or set DATA_DIR to another folder.`,
    );
  } catch (error) {
    throw explainDiskFault(error, dataFolder);
  }
}

function readLedger(file: string): LedgerEntry[] {
  try {
    return ledgerSchema.safeParse(JSON.parse(readFileSync(file, "utf8"))).data ?? [];
  } catch {
    return []; // the last run ended in order
  }
}

function createLedger(file: string): ChildLedger {
  const entries = new Map<number, LedgerEntry>();
  const write = () => {
    try {
      writeWholeFile(file, JSON.stringify([...entries.values()]));
    } catch {
      // On a full disk the kernel still ends the children with us; the ledger is for where it cannot.
    }
  };
  return {
    add({ pid, name }) {
      const mark = markOf(pid);
      if (mark === undefined) return;
      entries.set(pid, { ...mark, name });
      write();
    },
    remove(pid) {
      if (entries.delete(pid)) write();
    },
  };
}

async function endLeftovers(entries: readonly LedgerEntry[]): Promise<string[]> {
  const left = entries.filter(isRunning);
  await endAll(left, "SIGTERM");
  await endAll(left.filter(isRunning), "SIGKILL");
  return left.map((entry) => entry.name);
}

async function endAll(entries: readonly LedgerEntry[], signal: NodeJS.Signals): Promise<void> {
  for (const entry of entries) sendSignal(entry.pid, signal);
  const giveUpAt = performance.now() + LEFTOVER_STOP_MS;
  while (entries.some(isRunning) && performance.now() < giveUpAt) await wait(POLL_MS);
}
