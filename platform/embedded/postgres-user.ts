// PostgreSQL refuses to run as root. Whoever is root gets a way to run it as somebody else; others need none.
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
  /** Whose the files must be. */
  readonly uid: number;
  readonly gid: number;
}

/**
 * The argv to put in front of PostgreSQL's programs; `folder` and what is in it belong to its user afterwards. Each way is
 * tried, since containers forbid some, and a folder below somebody's private one shuts others out.
 */
export async function findUnprivileged(folder: string, program: string): Promise<readonly string[]> {
  if (process.geteuid?.() !== 0) return [];
  for (const way of possibleWays(folder)) {
    giveTo(folder, way);
    if (await works(way, folder, program)) return way.wrapper;
  }
  throw new StartError(
    `PostgreSQL does not run as root, and no other user may use ${folder} and ${program}: start Edgewright as an ordinary user, or set DATABASE_URL.`,
  );
}

function possibleWays(folder: string): Way[] {
  const unshare = findProgram("unshare");
  const setpriv = findProgram("setpriv");
  const ways: Way[] = [];
  // Root under another number: works below a 0700 folder of root's.
  if (unshare !== undefined) {
    ways.push({ wrapper: [unshare, "--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, "--"], uid: 0, gid: 0 });
  }
  if (setpriv !== undefined) {
    const owner = statSync(dirname(folder));
    for (const { uid, gid } of [owner, { uid: NOBODY, gid: NOBODY }]) {
      if (uid === 0) continue;
      ways.push({ wrapper: [setpriv, `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--"], uid, gid });
    }
  }
  return ways;
}

async function works(way: Way, folder: string, program: string): Promise<boolean> {
  const script = 'test -w "$1" && exec "$2" --version';
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
