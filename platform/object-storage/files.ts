// Objects as files below one folder, for a machine of its own. Several processes may share the folder.
import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { access, constants, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { assertKey, type Deadline, ObjectNotFound, type ObjectStorage } from "./storage.ts";

/** Half-written objects; a key cannot begin with a dot. */
const INCOMING = ".incoming";
/** Nothing takes this long to write: what is older was left by a process that died. */
const INCOMING_AGE_MAX_MS = 24 * 3600 * 1000;

export async function openFileStorage(folder: string): Promise<ObjectStorage> {
  const incoming = join(folder, INCOMING);
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  await removeLeftovers(incoming);
  return {
    put: (key, body, options) => putFile(folder, key, body, options),
    get: (key, options) => readFile(folder, key, options),
    delete: async (key) => rm(pathOf(folder, key), { force: true }),
    check: async () => access(incoming, constants.R_OK | constants.W_OK | constants.X_OK),
    stop: async () => {},
  };
}

// As in S3, `a` and `a/b` may both be objects: the names of folders end with a character that no key holds.
function pathOf(folder: string, key: string): string {
  assertKey(key);
  return join(folder, key.replaceAll("/", "+/"));
}

async function putFile(folder: string, key: string, body: Buffer | Readable, { signal }: Deadline = {}): Promise<void> {
  const path = pathOf(folder, key);
  const unfinished = join(folder, INCOMING, randomUUID());
  try {
    // `flush` is an fsync before the file is closed.
    const file = createWriteStream(unfinished, { flags: "wx", mode: 0o600, flush: true });
    await pipeline(Buffer.isBuffer(body) ? Readable.from([body]) : body, file, signal === undefined ? {} : { signal });
    await makeFolders(folder, dirname(path));
    await rename(unfinished, path);
    await syncFolder(dirname(path));
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function readFile(folder: string, key: string, { signal }: Deadline = {}): Promise<Readable> {
  const path = pathOf(folder, key);
  try {
    const file = await open(path, "r");
    return file.createReadStream(signal === undefined ? {} : { signal });
  } catch (error) {
    if (codeOf(error) === "ENOENT") throw new ObjectNotFound(key, error);
    throw error;
  }
}

/** A new folder survives a crash once the one above it is on the disk. */
async function makeFolders(root: string, wanted: string): Promise<void> {
  const first = await mkdir(wanted, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let folder = wanted; folder !== root; folder = dirname(folder)) await syncFolder(dirname(folder));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeLeftovers(incoming: string): Promise<void> {
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name);
    const { mtimeMs } = await stat(path).catch((error: unknown) => {
      if (codeOf(error) === "ENOENT") return { mtimeMs: Number.POSITIVE_INFINITY };
      throw error;
    });
    if (Date.now() - mtimeMs > INCOMING_AGE_MAX_MS) await rm(path, { force: true });
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
