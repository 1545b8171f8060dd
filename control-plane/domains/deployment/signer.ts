// The key that signs what edges run. Workers hold it; the API never does.
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";

export interface FeedSigner {
  readonly keyId: string;
  /** SPKI PEM. */
  readonly publicKey: string;
  /** `keyId:base64` over the text. */
  sign(text: string): string;
}

/** `privateKey`: Ed25519 as PKCS#8 PEM. */
export function createFeedSigner(privateKey: string): FeedSigner {
  const key = createPrivateKey(privateKey);
  if (key.asymmetricKeyType !== "ed25519") throw new Error("the feed's signing key must be an Ed25519 key");
  const publicKey = createPublicKey(key);
  const der = publicKey.export({ type: "spki", format: "der" });
  const keyId = createHash("sha256").update(der).digest("hex").slice(0, 16);
  return {
    keyId,
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    sign: (text) => `${keyId}:${sign(null, Buffer.from(text), key).toString("base64")}`,
  };
}
