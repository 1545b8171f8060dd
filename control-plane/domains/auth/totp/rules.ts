// Codes of authenticators (RFC 6238: SHA-1, six digits, 30 seconds, which is what every app understands) and the recovery
// codes that stand in for them. The clock comes in.
import { createHash, randomBytes } from "node:crypto";
import { Secret, TOTP } from "otpauth";

const ISSUER = "Edgewright";
const SECRET_BYTES = 20; // RFC 4226 §4, R6
const STEP_MS = 30_000;
/** One step to either side: the phone's clock may be off, and typing takes a while. */
const WINDOW_STEPS = 1;

const RECOVERY_CODES = 10;
// 80 bits: nobody tries them out, so a plain hash keeps them.
const RECOVERY_CODE_BYTES = 10;

/** Base32. */
export function newSecret(): string {
  return new Secret({ size: SECRET_BYTES }).base32;
}

/** What an authenticator reads from the QR code. */
export function otpauthUri(secret: string, label: string): string {
  return authenticator(secret, label).toString();
}

/** The time step that the code belongs to; undefined when it is none of now. */
export function stepOf(secret: string, code: string, now: Date): number | undefined {
  const timestamp = now.getTime();
  const delta = authenticator(secret).validate({ token: code, timestamp, window: WINDOW_STEPS });
  return delta === null ? undefined : Math.floor(timestamp / STEP_MS) + delta;
}

export function newRecoveryCodes(): string[] {
  return Array.from({ length: RECOVERY_CODES }, () => {
    const letters = new Secret({
      buffer: new Uint8Array(randomBytes(RECOVERY_CODE_BYTES)).buffer,
    }).base32.toLowerCase();
    return letters.replaceAll(/(.{4})(?!$)/g, "$1-");
  });
}

/** However it was typed. */
export function hashOfRecoveryCode(code: string): string {
  return createHash("sha256").update(code.toLowerCase().replaceAll(/[\s-]/g, "")).digest("hex");
}

function authenticator(secret: string, label = ""): TOTP {
  return new TOTP({ issuer: ISSUER, label, secret: Secret.fromBase32(secret), period: STEP_MS / 1000 });
}
