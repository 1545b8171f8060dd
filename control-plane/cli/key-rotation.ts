// One rotation of the master key. The key file that `npm start` made gets a new key in front; keys that somebody else hands
// out (a variable, a file of theirs) are taken as they are. Then everything sealed is wrapped by the current key.
import { randomBytes } from "node:crypto";
import { realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { takeLockFile } from "../../platform/embedded/lock-file.ts";
import { StartError } from "../../platform/embedded/start-error.ts";
import { writeWholeFile } from "../../platform/embedded/whole-file.ts";
import type { Logger } from "../../platform/log.ts";
import { createSealOf, type MasterKey, type MasterKeys, masterKey } from "../../platform/seal.ts";
import type { ControlPlaneConfig } from "../config.ts";
import { countByMasterKey, type RewrapFailure, rewrapSealed } from "../database/sealed-columns.ts";
import type { Database } from "../database/transaction.ts";
import { resealPlatformSecrets } from "../domains/secret/index.ts";
import { countSealedJobs } from "../jobs/outbox.ts";
import { openMasterKeys, readMasterKeyFile } from "../roles/keys.ts";
import { localKeys } from "./up/local-keys.ts";

/**
 * A process looks at the file before each sealing, but what it has sealed may still wait for its commit: no transaction and
 * no job lasts this long. Only then is "nothing uses the former key" the last word.
 */
const SETTLED_AFTER_MS = 15 * 60_000;
const KEY_BYTES = 32;
const RUNBOOK = "docs/runbooks/keys.md";

/** Keys by their ids, which are hashes. */
export interface KeyRotation {
  readonly added: string | null;
  readonly current: string;
  readonly rewrapped: number;
  /** With the values, and the jobs still to be done, that need them. */
  readonly former: readonly { readonly key: string; readonly values: number; readonly jobs: number }[];
  readonly pruned: readonly string[];
  /** What is left to do, as a sentence. */
  readonly next: string;
}

interface Rotation {
  readonly db: Database;
  readonly config: Pick<ControlPlaneConfig, "DATA_DIR" | "MASTER_KEY" | "MASTER_KEY_FILE">;
  /** Adds no key; takes those out of the file that nothing uses any more. */
  readonly prune: boolean;
  readonly now: Date;
  readonly log: Logger;
  readonly say: (line: string) => void;
}

export async function rotateKeys(rotation: Rotation): Promise<KeyRotation> {
  const path = ownKeyFile(rotation);
  if (path === undefined) return rewrapOnly(rotation);
  const lock = await takeLockFile(`${path}.lock`, 0);
  if ("heldBy" in lock) {
    throw new StartError(`Another keys:rotate (process ${lock.heldBy}) is at work: wait until it has ended.`);
  }
  try {
    return await rotateFile(path, rotation);
  } finally {
    lock.release();
  }
}

/** The file that `npm start` made, when its keys are the ones in use. Another file may have copies on other machines. */
function ownKeyFile({ config }: Rotation): string | undefined {
  const { masterKeyFile: own } = localKeys(config.DATA_DIR);
  const { MASTER_KEY: text, MASTER_KEY_FILE: path } = config;
  if (text !== undefined || path === undefined || resolve(path) !== resolve(own)) return undefined;
  return realpathSync(path);
}

async function rewrapOnly({ db, config, log, say }: Rotation): Promise<KeyRotation> {
  const keys = openMasterKeys(config, log)();
  assertKnown(await countByMasterKey(db), keys);
  const rewrapped = await rewrapAll(db, keys, say);
  const former = await formerKeys(db, keys);
  return { added: null, current: keys[0].id, rewrapped, former, pruned: [], next: nextElsewhere(former) };
}

async function rotateFile(path: string, { db, prune, now, say }: Rotation): Promise<KeyRotation> {
  assertOurs(path);
  const known = readMasterKeyFile(path);
  const used = await countByMasterKey(db);
  assertKnown(used, known);
  // One that was interrupted is finished before the next begins.
  const isUnfinished = known.slice(1).some(({ id }) => used.has(id));
  const isNew = !prune && !isUnfinished;
  const keys: MasterKeys = isNew ? [masterKey(randomBytes(KEY_BYTES)), ...known] : known;
  if (isNew) writeKeys(path, keys);
  const rewrapped = await rewrapAll(db, keys, say);
  const former = await formerKeys(db, keys);
  const settledAt = new Date(statSync(path).mtimeMs + SETTLED_AFTER_MS);
  const unused = former.filter(({ values, jobs }) => values + jobs === 0).map(({ key }) => key);
  const pruned = prune && now >= settledAt ? unused : [];
  if (pruned.length > 0) writeKeys(path, [keys[0], ...keys.slice(1).filter(({ id }) => !pruned.includes(id))]);
  const left = former.filter(({ key }) => !pruned.includes(key));
  const next = nextHere({ path, isUnfinished, prune, left, settledAt });
  return { added: isNew ? keys[0].id : null, current: keys[0].id, rewrapped, former: left, pruned, next };
}

/** Written by root, the file would be closed to the processes that read it. */
function assertOurs(path: string): void {
  const { uid } = statSync(path);
  if (process.getuid === undefined || process.getuid() === uid) return;
  throw new StartError(`${path} belongs to another user (${uid}): run this command as that user.`);
}

/** Before anything is changed. */
function assertKnown(used: ReadonlyMap<string, number>, keys: MasterKeys): void {
  const unknown = [...used].filter(([id]) => keys.every((key) => key.id !== id));
  if (unknown.length === 0) return;
  const needed = unknown.map(([id, values]) => `${id} (${values} values)`).join(", ");
  throw new StartError(
    `Some values are sealed with master keys that are not at hand: ${needed}. Put them behind the current one in MASTER_KEY or MASTER_KEY_FILE, and run this again. Nothing was changed.`,
  );
}

async function rewrapAll(db: Database, keys: MasterKeys, say: (line: string) => void): Promise<number> {
  const seal = createSealOf(() => keys);
  const resealed = await resealPlatformSecrets(db, seal);
  const { values, failures } = await rewrapSealed(db, seal, {
    currentKey: keys[0].id,
    progress: ({ table, column }, done) => say(`${table}.${column}: ${done}`),
  });
  if (failures.length > 0) throw new StartError(describeFailures(failures, keys[0]));
  return resealed + values;
}

function describeFailures(failures: readonly RewrapFailure[], { id }: MasterKey): string {
  const lines = failures.map(({ table, row, reason }) => `  ${table} ${row}: ${reason}`);
  return [
    `These do not open; what stood beside them is wrapped by ${id} now. ${RUNBOOK} says what to do:`,
    ...lines,
  ].join("\n");
}

async function formerKeys(db: Database, keys: MasterKeys): Promise<KeyRotation["former"]> {
  const values = await countByMasterKey(db);
  const jobs = await countSealedJobs(db);
  return keys.slice(1).map(({ id }) => ({ key: id, values: values.get(id) ?? 0, jobs: jobs.get(id) ?? 0 }));
}

function writeKeys(path: string, keys: MasterKeys): void {
  writeWholeFile(path, keys.map(({ bytes }) => `${bytes.toString("hex")}\n`).join(""));
}

function nextHere(state: {
  path: string;
  isUnfinished: boolean;
  prune: boolean;
  left: KeyRotation["former"];
  settledAt: Date;
}): string {
  const { path, left, settledAt } = state;
  const finished =
    state.isUnfinished && !state.prune ? "An earlier rotation was finished; run it again for a new key. " : "";
  if (left.length === 0) return `${finished}No former key is left.`;
  const inUse = whyInUse(left);
  if (inUse !== undefined) return `${finished}${inUse} Then run \`edgewright keys:rotate --prune\`.`;
  const when = settledAt.toISOString();
  return `${finished}From ${when} on, \`edgewright keys:rotate --prune\` takes the former keys out of ${path}. Backups from before need them: keep a copy of the file beside those.`;
}

function nextElsewhere(former: KeyRotation["former"]): string {
  if (former.length === 0) {
    return `There is one key, and it stays. To change it, put a new one behind it, everywhere, and then in front: ${RUNBOOK} tells the steps.`;
  }
  const inUse = whyInUse(former);
  if (inUse !== undefined) return `${inUse} Then run this again.`;
  return `Nothing uses the former keys. When every process has had the current key in front for 15 minutes, run this once more, then take the others out: ${RUNBOOK} tells the steps.`;
}

function whyInUse(former: KeyRotation["former"]): string | undefined {
  if (former.some(({ values }) => values > 0)) {
    return "Values were sealed with a former key meanwhile: see that every process has the current one in front.";
  }
  if (former.some(({ jobs }) => jobs > 0)) {
    return "Jobs that wait carry values under a former key: wait until they are done (is the mail server away?).";
  }
  return undefined;
}
