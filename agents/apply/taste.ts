// Tries a structure in a throw-away nginx on sockets of its own, before the real one hears of it. `nginx -t` would not do:
// it skips init_by_lua, and says "ok" to what then does not start.
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { NginxInstallation } from "../../platform/embedded/nginx.ts";
import { markErrorLog } from "../observe/nginx-errors.ts";
import { endProcesses, launchNginx, NginxStartError } from "../observe/nginx-launch.ts";
import { findHealthFault } from "./health.ts";
import { openSocketFolder } from "./nginx-control.ts";
import { type Structure, writeFiles } from "./structure.ts";

const START_TIMEOUT_MS = 20_000;
const STOP_GRACE_MS = 3_000;
/** What the taste shares with the real home; the rest it has for itself. */
const SHARED = ["local", "state", "tls"];

/** Undefined when the structure starts and answers its revision; otherwise why not. */
export async function taste(
  home: string,
  installation: Pick<NginxInstallation, "command">,
  tried: { rev: number; structure: Structure },
): Promise<string | undefined> {
  const folder = join(home, "run", "taste");
  await endProcesses(folder, STOP_GRACE_MS);
  await rm(folder, { recursive: true, force: true });
  try {
    await furnish(home, folder, tried);
    const launched = await launchNginx({ installation, folder, diesWithUs: true });
    return await Promise.race([launched.failed.then((error) => error.message), findTasteFault(folder, tried)]);
  } catch (error) {
    if (error instanceof NginxStartError) return error.message;
    throw error;
  } finally {
    await endProcesses(folder, STOP_GRACE_MS);
    await rm(folder, { recursive: true, force: true });
  }
}

async function furnish(
  home: string,
  folder: string,
  { rev, structure }: { rev: number; structure: Structure },
): Promise<void> {
  for (const name of ["run", "logs", "cache", "structure"]) await mkdir(join(folder, name), { recursive: true });
  for (const name of SHARED) await symlink(join(home, name), join(folder, name));
  const files = new Map([...structure.files, ...structure.taste].map((file) => [file.path, file]));
  await writeFiles(join(folder, "structure", `${rev}`), [...files.values()]);
  await symlink(join("structure", `${rev}`), join(folder, "current"));
}

async function findTasteFault(
  folder: string,
  { rev, structure }: { rev: number; structure: Structure },
): Promise<string | undefined> {
  const { folder: run, socketPath } = await openSocketFolder(join(folder, "run"), "taste-http.sock");
  try {
    const doors = [{ scheme: "unix", socketPath }] as const;
    // The taste's log begins with it. A worker that dies is started again and again, and never answers.
    const errors = await markErrorLog(join(folder, "logs", "error.log"));
    const deadWorker = async () => (await errors.alerts()).find((line) => line.startsWith("worker process"));
    const ownName = structure.probe.own_name;
    return await findHealthFault({ doors, ownName, rev, withinMs: START_TIMEOUT_MS, giveUp: deadWorker });
  } finally {
    await run.close();
  }
}
