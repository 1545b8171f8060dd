// What every object storage can do, and the keys it takes. Drivers: files.ts and s3.ts.
import type { Readable } from "node:stream";

export interface ObjectStorage {
  /** Whole or not at all: a reader sees the old object or the new one. Resolves when the bytes will survive a crash. */
  put(key: string, body: Buffer | Readable, options?: Deadline): Promise<void>;
  /** Throws ObjectNotFound. The caller reads the stream to its end or destroys it. */
  get(key: string, options?: Deadline): Promise<Readable>;
  /** An absent object is as good as a deleted one. */
  delete(key: string, options?: Deadline): Promise<void>;
  /** Throws when objects cannot be stored and read right now. */
  check(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

export interface Deadline {
  readonly signal?: AbortSignal;
}

export class ObjectNotFound extends Error {
  override readonly name = "ObjectNotFound";

  constructor(key: string, cause: unknown) {
    super(`There is no object ${key}.`, { cause });
  }
}

// A file system's limits and S3's together. No segment begins with a dot, so none climbs or hides.
const KEY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,199})*$/;
const KEY_LENGTH_MAX = 900;

/** Keys are made by our own code, so a bad one is a defect. */
export function assertKey(key: string): void {
  if (key.length > KEY_LENGTH_MAX || !KEY.test(key)) throw new TypeError(`Not a key of an object: ${key}`);
}
