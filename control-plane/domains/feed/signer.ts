// The key that signs what edges run. Workers hold it; the API never does.
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { feedKeySigningText } from "../../../agents/contract.ts";

const RAW_KEY_BYTES = 32;

export interface FeedSigner {
  readonly keyId: string;
  /** SPKI PEM. */
  readonly publicKey: string;
  /** The former key's signature over this one, while an operator hands over. */
  readonly endorsement: string | null;
  /** `keyId:base64` over the text. */
  sign(text: string): string;
}

/** Keys: Ed25519 as PKCS#8 PEM. `previousKey`: the one that this key takes over from. */
export function createFeedSigner(privateKey: string, previousKey?: string): FeedSigner {
  const { keyId, publicKey, signText } = openKey(privateKey);
  const previous = previousKey === undefined ? undefined : openKey(previousKey);
  const handedOver = previous !== undefined && previous.keyId !== keyId;
  return {
    keyId,
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    endorsement: handedOver ? previous.signText(feedKeySigningText({ id: keyId, publicKey: rawOf(publicKey) })) : null,
    sign: signText,
  };
}

/** Base64 of the 32 bytes, from SPKI PEM or the key itself. */
export function rawOf(publicKey: KeyObject | string): string {
  const key = createPublicKey(
    typeof publicKey === "string" ? publicKey : publicKey.export({ type: "spki", format: "pem" }),
  );
  return key.export({ type: "spki", format: "der" }).subarray(-RAW_KEY_BYTES).toString("base64");
}

function openKey(privateKey: string) {
  const key = createPrivateKey(privateKey);
  if (key.asymmetricKeyType !== "ed25519") throw new Error("the feed's signing key must be an Ed25519 key");
  const publicKey = createPublicKey(key);
  const der = publicKey.export({ type: "spki", format: "der" });
  const keyId = createHash("sha256").update(der).digest("hex").slice(0, 16);
  const signText = (text: string) => `${keyId}:${sign(null, Buffer.from(text), key).toString("base64")}`;
  return { keyId, publicKey, signText };
}
