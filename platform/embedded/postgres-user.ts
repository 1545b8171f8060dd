// PostgreSQL refuses to run as root, or as a user without a name (a container's `--user 12345`). Here is found how to run
// it as somebody else; most users need nothing.
import { chownSync, lstatSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { findProgram, runProgram } from "./program.ts";
import { StartError } from "./start-error.ts";

const PROBE_TIMEOUT_MS = 10_000;
/** `nobody`, on every Linux. */
const NOBODY = 65534;

interface Way {
  /** Stands in front of the command. */
  readonly wrapper: readonly string[];
  /** Whose the files must be made; only root can. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/**
 * The argv to put in front of PostgreSQL's programs; `folder` and what is in it belong to its user afterwards. Each way is
 * tried, since containers forbid some, and a folder below somebody's private one shuts others out.
 */
export async function findUnprivileged(folder: string, program: string): Promise<readonly string[]> {
  for (const way of possibleWays(folder)) {
    if (way.owner !== undefined) giveTo(folder, way.owner);
    if (await works(way, folder, program)) return way.wrapper;
  }
  throw new StartError(
    `PostgreSQL runs neither as root nor as a user without a name, and no other user may use ${folder} and ${program}: start Edgewright as an ordinary user, or set DATABASE_URL.`,
  );
}

function possibleWays(folder: string): Way[] {
  const unshare = findProgram("unshare");
  // The same user under another number: works below a 0700 folder.
  const renamed =
    unshare === undefined ? [] : [unshare, "--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, "--"];
  if (process.geteuid?.() !== 0) return [{ wrapper: [] }, ...(renamed.length > 0 ? [{ wrapper: renamed }] : [])];
  const ways: Way[] = renamed.length > 0 ? [{ wrapper: renamed, owner: { uid: 0, gid: 0 } }] : [];
  const setpriv = findProgram("setpriv");
  if (setpriv === undefined) return ways;
  const { uid, gid } = statSync(dirname(folder));
  for (const owner of [
    { uid, gid },
    { uid: NOBODY, gid: NOBODY },
  ]) {
    if (owner.uid === 0) continue;
    ways.push({ wrapper: [setpriv, `--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--clear-groups", "--"], owner });
  }
  return ways;
}

async function works(way: Way, folder: string, program: string): Promise<boolean> {
  // initdb wants the user to have a name.
  const script = 'test "$(id -u)" != 0 && id -un && test -w "$1" && exec "$2" --version';
  const { code } = await runProgram(["/bin/sh", "-c", script, "sh", folder, program], {
    timeoutMs: PROBE_TIMEOUT_MS,
    wrapper: way.wrapper,
  });
  return code === 0;
}

function giveTo(path: string, owner: { uid: number; gid: number }): void {
  const entry = lstatSync(path);
  if (entry.uid === owner.uid && entry.gid === owner.gid) return;
  if (entry.isDirectory()) for (const name of readdirSync(path)) giveTo(join(path, name), owner);
  // Last, so that an interrupted walk is taken up again.
  if (!entry.isSymbolicLink()) chownSync(path, owner.uid, owner.gid);
}
