// What an API token looks like, so that people, and scanners that look for leaked secrets, know one. No input or output.
import { createHash } from "node:crypto";

export const TOKEN_BYTES = 32;
const PREFIX = "ewt_";
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SECRET_LENGTH = 43; // 256 bits
const CHECKSUM_LENGTH = 6; // 32 bits
const CHECKSUM_BYTES = 4;
const TOKEN = new RegExp(`^${PREFIX}([0-9A-Za-z]{${SECRET_LENGTH}})([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`);

/** `ewt_`, the secret, and the beginning of the secret's SHA-256: a typing error or a look-alike is told without asking. */
export function tokenOf(bytes: Buffer): string {
  const secret = base62(bytes, SECRET_LENGTH);
  return `${PREFIX}${secret}${checksumOf(secret)}`;
}

/** Meant as an API token, and not as the token of a session. */
export function isMeantAsToken(text: string): boolean {
  return text.startsWith(PREFIX);
}

export function isToken(text: string): boolean {
  const [, secret, checksum] = TOKEN.exec(text) ?? [];
  return secret !== undefined && checksumOf(secret) === checksum;
}

/** What is kept of it. 256 random bits need no slow hash. */
export function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function checksumOf(secret: string): string {
  return base62(createHash("sha256").update(secret).digest().subarray(0, CHECKSUM_BYTES), CHECKSUM_LENGTH);
}

function base62(bytes: Buffer, length: number): string {
  let rest = BigInt(`0x${bytes.toString("hex")}`);
  let text = "";
  while (text.length < length) {
    text = `${DIGITS[Number(rest % 62n)]}${text}`;
    rest /= 62n;
  }
  return text;
}
