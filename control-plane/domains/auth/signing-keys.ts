// The key set under which tokens are signed: shared by all processes through the database, kept in the memory of each.
// When a key signs and when it goes is decided in signing-key-rules.ts.
import { randomBytes, randomUUID, type webcrypto } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { Logger } from "../../../platform/log.ts";
import type { Seal } from "../../../platform/seal.ts";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import { isNextDue, SET_FRESH_MS, signerOf, unneededOf } from "./signing-key-rules.ts";
import {
  deleteSigningKeys,
  findSigningKeys,
  insertSigningKey,
  lockSigningKeys,
  type SigningKeyRecord,
} from "./signing-key-store.ts";

const KEY_BYTES = 32;
/** Made-up key ids make a process ask the database no more often than this. */
const LOOK_AGAIN_MS = 1_000;
const RETRY_MS = 5_000;

interface SigningKey {
  readonly kid: string;
  readonly createdAt: Date;
  readonly key: webcrypto.CryptoKey;
}

interface KeySet {
  readonly keys: ReadonlyMap<string, SigningKey>;
  readonly freshUntilMs: number;
}

export interface SigningKeys {
  /** The one that signs now; the first is made when there is none. */
  signer(): Promise<SigningKey>;
  find(kid: string): Promise<SigningKey | undefined>;
}

interface Surroundings {
  readonly db: Database;
  readonly seal: Seal;
  readonly clock: () => Date;
  readonly log: Logger;
}

export function createSigningKeys({ db, seal, clock, log }: Surroundings): SigningKeys {
  let set: KeySet | undefined;
  let reading: Promise<KeySet> | undefined;
  let lookingAgain: Promise<KeySet> | undefined;
  let lookedAgainAtMs = Number.NEGATIVE_INFINITY;

  async function signer(): Promise<SigningKey> {
    const { keys } = await current();
    const found = signerOf([...keys.values()], clock());
    if (found !== undefined) return found;
    await inTransaction(db, async (tx) => {
      if ((await lockSigningKeys(tx)).length === 0) await addSigningKey(tx, seal, clock());
    });
    await read();
    return signer();
  }

  async function find(kid: string): Promise<SigningKey | undefined> {
    const { keys } = await current();
    return keys.get(kid) ?? (await lookAgain()).keys.get(kid);
  }

  async function current(): Promise<KeySet> {
    const known = set;
    if (known === undefined) return read();
    const leftMs = known.freshUntilMs - clock().getTime();
    // More than that is left when the clock was set back.
    if (leftMs > 0 && leftMs <= SET_FRESH_MS) return known;
    return read().catch((error: unknown) => {
      log.warn({ error }, "the signing keys cannot be read again: those read before stay in use");
      set = { ...known, freshUntilMs: clock().getTime() + RETRY_MS };
      return set;
    });
  }

  /** For a key id that this process does not know: perhaps it is a minute old. All who ask meanwhile share one reading. */
  function lookAgain(): Promise<KeySet> {
    const pauseMs = Math.max(0, lookedAgainAtMs + LOOK_AGAIN_MS - performance.now());
    lookingAgain ??= wait(pauseMs, undefined, { ref: false })
      .then(read)
      .finally(() => {
        lookingAgain = undefined;
        lookedAgainAtMs = performance.now();
      });
    return lookingAgain;
  }

  function read(): Promise<KeySet> {
    reading ??= readSet().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  async function readSet(): Promise<KeySet> {
    const known = set?.keys;
    const freshUntilMs = clock().getTime() + SET_FRESH_MS;
    const rows = await findSigningKeys(db);
    const opened = await Promise.all(rows.map((row) => known?.get(row.kid) ?? openSigningKey(row, seal)));
    set = { keys: new Map(opened.map((key) => [key.kid, key])), freshUntilMs };
    return set;
  }

  return { signer, find };
}

/** Adds the next key when it is due and deletes those that nobody can need. Answers what it did. */
export function rotateSigningKeys(
  { db, seal, clock }: Omit<Surroundings, "log">,
  everyMs: number,
): Promise<{ added: number; deleted: number }> {
  return inTransaction(db, async (tx) => {
    const keys = await lockSigningKeys(tx);
    const now = clock();
    const isDue = isNextDue(keys, now, everyMs);
    if (isDue) await addSigningKey(tx, seal, now);
    const unneeded = unneededOf(keys, now);
    if (unneeded.length > 0) {
      await deleteSigningKeys(
        tx,
        unneeded.map(({ kid }) => kid),
      );
    }
    return { added: isDue ? 1 : 0, deleted: unneeded.length };
  });
}

async function addSigningKey(tx: Tx, seal: Seal, now: Date): Promise<void> {
  const kid = randomUUID();
  const sealed = seal.seal(randomBytes(KEY_BYTES).toString("base64"), contextOf(kid));
  await insertSigningKey(tx, { kid, sealed, createdAt: now });
}

async function openSigningKey({ kid, sealed, createdAt }: SigningKeyRecord, seal: Seal): Promise<SigningKey> {
  const bytes = Buffer.from(seal.open(sealed, contextOf(kid)), "base64");
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return { kid, createdAt, key: await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign", "verify"]) };
}

function contextOf(kid: string): string {
  return `signing-key:${kid}`;
}
