// How a request to SwiftFederation is signed: HMAC-SHA256 over its method, path, time, a number used once, the key and the body.
import { createHmac } from "node:crypto";

export interface Signed {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly now: Date;
  /** Up to 18 digits. */
  readonly nonce: string;
}

export interface AccessKey {
  readonly key_id: string;
  readonly key_secret: string;
}

export function signedHeaders({ method, path, body, now, nonce }: Signed, key: AccessKey): Record<string, string> {
  const date = compactTime(now);
  const text = [method, path, date, nonce, key.key_id, body].join("\n");
  const signature = createHmac("sha256", key.key_secret).update(text).digest("hex");
  return {
    authorization: `HMAC-SHA256 ${key.key_id}:${signature}`,
    "x-sfd-date": date,
    "x-sfd-nonce": nonce,
  };
}

/** 20180330T200550Z. */
function compactTime(time: Date): string {
  return time
    .toISOString()
    .replace(/\.\d{3}Z$/, "Z")
    .replaceAll(/[-:]/g, "");
}
