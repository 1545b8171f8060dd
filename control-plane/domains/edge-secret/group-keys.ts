// The keys of edge groups: each follows from one secret of the platform, the group and a generation, so that none of them
// is stored. Sealing under them gives the same bytes for the same secret: what did not change is not sent again.
import { createCipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { type SecretBody, secretContext } from "../../../agents/contract.ts";
import type { Seal } from "../../../platform/seal.ts";
import type { Database } from "../../database/transaction.ts";
import { ensurePlatformSecret } from "../secret/index.ts";

const SECRET_NAME = "edge-secrets";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

export interface GroupKeys {
  /** The bytes that a keyring wraps. */
  keyOf(scope: string, generation: number): Buffer;
  seal(secret: { scope: string; id: string; accountId: string; value: string }, generation: number): SecretBody;
}

/** Opens the platform's secret at first use, making it when there is none. */
export function openGroupKeys({ db, seal }: { db: Database; seal: Seal }): () => Promise<GroupKeys> {
  let opened: Promise<GroupKeys> | undefined;
  const open = async () => {
    const make = () => randomBytes(KEY_BYTES).toString("hex");
    return groupKeysOf(Buffer.from(await ensurePlatformSecret(db, seal, { name: SECRET_NAME, make }), "hex"));
  };
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}

export function groupKeysOf(root: Buffer): GroupKeys {
  function keyOf(scope: string, generation: number): Buffer {
    return derive(root, `group\n${scope}\n${generation}`);
  }
  return {
    keyOf,
    seal: ({ scope, id, accountId, value }, generation) => {
      const key = keyOf(scope, generation);
      const context = secretContext(scope, id, accountId);
      // From the content, under a key of its own: no two contents share a nonce, and one content needs no second.
      const nonce = createHmac("sha256", derive(root, `nonce\n${scope}\n${generation}`))
        .update(`${context}\n${value}`)
        .digest()
        .subarray(0, NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      cipher.setAAD(Buffer.from(context));
      const ciphertext = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
      return {
        format: 1,
        account: accountId,
        generation,
        nonce: nonce.toString("base64"),
        ciphertext: ciphertext.toString("base64"),
        tag: cipher.getAuthTag().toString("base64"),
      };
    },
  };
}

function derive(root: Buffer, info: string): Buffer {
  return Buffer.from(hkdfSync("sha256", root, "edgewright-edge-secrets", info, KEY_BYTES));
}
