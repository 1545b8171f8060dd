// Sealing of secrets at rest: AES-256-GCM under the master key. The context (what the secret is and whose) is bound in,
// so a sealed value that is copied to another row does not open there.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { z } from "zod";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What is stored, as JSON. `key` names the master key that opens it, and gives nothing of it away. */
export const sealedSchema = z.strictObject({
  format: z.literal(1),
  key: z.string(),
  nonce: z.base64(),
  ciphertext: z.base64(),
  tag: z.base64(),
});
export type Sealed = z.infer<typeof sealedSchema>;

export class SealError extends Error {
  override readonly name = "SealError";
}

export interface Seal {
  seal(secret: string, context: string): Sealed;
  /** Throws a SealError when it was sealed with another key or for another context, or was changed. */
  open(sealed: Sealed, context: string): string;
}

export function createSeal(masterKey: Buffer): Seal {
  if (masterKey.length !== KEY_BYTES) throw new SealError(`the master key must have ${KEY_BYTES} bytes`);
  const key = Buffer.from(masterKey);
  const keyId = createHash("sha256").update("edgewright-master-key\n").update(key).digest("hex").slice(0, 16);

  function seal(secret: string, context: string): Sealed {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(boundTo(keyId, context));
    const ciphertext = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
    return {
      format: 1,
      key: keyId,
      nonce: nonce.toString("base64"),
      ciphertext: ciphertext.toString("base64"),
      tag: cipher.getAuthTag().toString("base64"),
    };
  }

  function open(sealed: Sealed, context: string): string {
    if (sealed.key !== keyId) {
      throw new SealError(`${context} is sealed with master key ${sealed.key}, and this one is ${keyId}`);
    }
    try {
      const cipher = createDecipheriv(CIPHER, key, Buffer.from(sealed.nonce, "base64"), { authTagLength: TAG_BYTES });
      cipher.setAAD(boundTo(keyId, context));
      cipher.setAuthTag(Buffer.from(sealed.tag, "base64"));
      return cipher.update(sealed.ciphertext, "base64", "utf8") + cipher.final("utf8");
    } catch (error) {
      throw new SealError(`${context} does not open: it was changed, or sealed for something else`, { cause: error });
    }
  }

  return { seal, open };
}

function boundTo(keyId: string, context: string): Buffer {
  return Buffer.from(`edgewright-seal-1\n${keyId}\n${context}`);
}
