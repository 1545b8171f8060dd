// Sealing of secrets at rest, as an envelope (AES-256-GCM): a data key of its own encrypts each value, the master key wraps
// the data key. The context (what the secret is and whose) is bound in, so a value copied to another row does not open there.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { z } from "zod";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

// Format 1 had no data key: the master key itself encrypted the value. It is still opened, and no longer made.
const directSchema = z.strictObject({
  format: z.literal(1),
  key: z.string(),
  nonce: z.base64(),
  ciphertext: z.base64(),
  tag: z.base64(),
});
const envelopeSchema = z.strictObject({
  format: z.literal(2),
  key: z.string(),
  /** Both boxes: nonce, ciphertext, tag. */
  data_key: z.base64(),
  value: z.base64(),
});

/** What is stored, as JSON. `key` names the master key that opens it, and gives nothing of it away. */
export const sealedSchema = z.discriminatedUnion("format", [directSchema, envelopeSchema]);
export type Sealed = z.infer<typeof sealedSchema>;
export type Envelope = z.infer<typeof envelopeSchema>;

export class SealError extends Error {
  override readonly name = "SealError";
}

export interface MasterKey {
  /** A hash: safe to store and to show. */
  readonly id: string;
  readonly bytes: Buffer;
}

/** The current one, which seals, then former ones, which only open. */
export type MasterKeys = readonly [MasterKey, ...MasterKey[]];

export interface Seal {
  seal(secret: string, context: string): Sealed;
  /** Throws a SealError when its key is not known, it was sealed for another context, or was changed. */
  open(sealed: Sealed, context: string): string;
  /** The same value under the current master key: only the data key is wrapped anew. Format 1 has none to wrap. */
  rewrap(sealed: Envelope): Envelope;
}

export function masterKey(bytes: Buffer): MasterKey {
  if (bytes.length !== KEY_BYTES) throw new SealError(`the master key must have ${KEY_BYTES} bytes`);
  const id = createHash("sha256").update("edgewright-master-key\n").update(bytes).digest("hex").slice(0, 16);
  return { id, bytes: Buffer.from(bytes) };
}

export function createSeal(current: Buffer, former: readonly Buffer[] = []): Seal {
  const keys: MasterKeys = [masterKey(current), ...former.map(masterKey)];
  return createSealOf(() => keys);
}

/** With keys that may change while the process runs: they are asked for each time. */
export function createSealOf(keysNow: () => MasterKeys): Seal {
  function seal(secret: string, context: string): Sealed {
    const [current] = keysNow();
    const dataKey = randomBytes(KEY_BYTES);
    const value = encrypt(dataKey, Buffer.from(secret, "utf8"), boundToContext(context));
    return { format: 2, key: current.id, data_key: wrap(current, dataKey), value };
  }

  function open(sealed: Sealed, context: string): string {
    const key = keyOf(sealed, context);
    try {
      if (sealed.format === 1) return openDirect(sealed, key, context);
      return decrypt(unwrap(key, sealed.data_key), sealed.value, boundToContext(context)).toString("utf8");
    } catch (error) {
      throw new SealError(`${context} does not open: it was changed, or sealed for something else`, { cause: error });
    }
  }

  function rewrap(sealed: Envelope): Envelope {
    const key = keyOf(sealed, "a value");
    const [current] = keysNow();
    try {
      return { ...sealed, key: current.id, data_key: wrap(current, unwrap(key, sealed.data_key)) };
    } catch (error) {
      throw new SealError("the data key does not open: it was changed", { cause: error });
    }
  }

  function keyOf(sealed: Sealed, what: string): MasterKey {
    const keys = keysNow();
    const key = keys.find(({ id }) => id === sealed.key);
    if (key !== undefined) return key;
    const known = keys.map(({ id }) => id).join(", ");
    throw new SealError(`${what} is sealed with master key ${sealed.key}, and this process has ${known}`);
  }

  return { seal, open, rewrap };
}

function wrap(master: MasterKey, dataKey: Buffer): string {
  return encrypt(master.bytes, dataKey, boundToKey(master.id));
}

function unwrap(master: MasterKey, dataKey: string): Buffer {
  return decrypt(master.bytes, dataKey, boundToKey(master.id));
}

function encrypt(key: Buffer, plain: Buffer, boundTo: Buffer): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString("base64");
}

function decrypt(key: Buffer, box: string, boundTo: Buffer): Buffer {
  const bytes = Buffer.from(box, "base64");
  const tagAt = bytes.length - TAG_BYTES;
  if (tagAt < NONCE_BYTES) throw new RangeError("too short");
  return decipher(key, {
    nonce: bytes.subarray(0, NONCE_BYTES),
    ciphertext: bytes.subarray(NONCE_BYTES, tagAt),
    tag: bytes.subarray(tagAt),
    boundTo,
  });
}

function decipher(key: Buffer, box: { nonce: Buffer; ciphertext: Buffer; tag: Buffer; boundTo: Buffer }): Buffer {
  const cipher = createDecipheriv(CIPHER, key, box.nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(box.boundTo);
  cipher.setAuthTag(box.tag);
  return Buffer.concat([cipher.update(box.ciphertext), cipher.final()]);
}

function openDirect(sealed: z.infer<typeof directSchema>, key: MasterKey, context: string): string {
  return decipher(key.bytes, {
    nonce: Buffer.from(sealed.nonce, "base64"),
    ciphertext: Buffer.from(sealed.ciphertext, "base64"),
    tag: Buffer.from(sealed.tag, "base64"),
    boundTo: Buffer.from(`edgewright-seal-1\n${key.id}\n${context}`),
  }).toString("utf8");
}

function boundToContext(context: string): Buffer {
  return Buffer.from(`edgewright-seal-2\n${context}`);
}

function boundToKey(keyId: string): Buffer {
  return Buffer.from(`edgewright-data-key-2\n${keyId}`);
}
