// The key by which a DNS server knows who updates a zone, as its settings write it: `[algorithm:]name:base64`.
import { canonicalHostName } from "../host-name.ts";

/** RFC 8945 §6: those that are neither broken nor rare. */
const ALGORITHMS = { "hmac-sha256": "sha256", "hmac-sha384": "sha384", "hmac-sha512": "sha512" } as const;
export type TsigAlgorithm = keyof typeof ALGORITHMS;

export interface TsigKey {
  readonly algorithm: TsigAlgorithm;
  readonly name: string;
  readonly secret: Buffer;
}

const SECRET_BYTES_MIN = 16;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What nsupdate's `-y` takes, and `tsig-keygen` and `keymgr tsig generate` print. Undefined: it is no such key. */
export function parseTsigKey(text: string): TsigKey | undefined {
  const [base64 = "", nameText = "", algorithmText = "hmac-sha256", ...more] = text.trim().split(":").reverse();
  const algorithm = algorithmText.toLowerCase();
  const name = canonicalHostName(nameText);
  if (more.length > 0 || name === undefined || !isAlgorithm(algorithm) || !BASE64.test(base64)) return undefined;
  const secret = Buffer.from(base64, "base64");
  return secret.length < SECRET_BYTES_MIN ? undefined : { algorithm, name, secret };
}

export function hashOf(algorithm: TsigAlgorithm): string {
  return ALGORITHMS[algorithm];
}

function isAlgorithm(text: string): text is TsigAlgorithm {
  return Object.hasOwn(ALGORITHMS, text);
}
