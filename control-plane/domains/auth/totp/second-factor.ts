// The second step of a log-in: a code of the person's authenticator, each good once, or a recovery code. Who tries codes
// out is stopped after a few, wherever they come from: they have the password already.
import { Problem } from "../../../../platform/problem.ts";
import type { Seal } from "../../../../platform/seal.ts";
import type { Tx } from "../../../database/transaction.ts";
import { recordAudit } from "../../audit/index.ts";
import { totpLocked, totpRefused, totpRequired } from "../problems.ts";
import { actorOf, type Visit } from "../visit.ts";
import { hashOfRecoveryCode, stepOf } from "./rules.ts";
import type { SecondFactorInput } from "./schema.ts";
import { lockTotp, type TotpRecord, takeRecoveryCode, updateTotp } from "./store.ts";

const FAILURES_MAX = 5;
const LOCKED_MINUTES = 15;
const LOCKED_MS = LOCKED_MINUTES * 60_000;

/** What came of it, to be committed before anything is thrown: failures count. */
export type SecondStep = "passed" | "missing" | "refused" | "locked";

export type SecondFactor = ReturnType<typeof createSecondFactor>;

export function createSecondFactor({ clock, seal }: { clock: () => Date; seal: Seal }) {
  /** Passed at once by whoever has no authenticator. */
  async function pass(tx: Tx, userId: string, given: SecondFactorInput, visit: Visit): Promise<SecondStep> {
    const totp = await lockTotp(tx, userId);
    if (totp === undefined || totp.confirmedAt === null) return "passed";
    const now = clock();
    if (totp.lockedUntil !== null && totp.lockedUntil > now) return "locked";
    if (given.totp_code === undefined && given.recovery_code === undefined) return "missing";
    if (await isGood(tx, totp, given, now)) return "passed";
    const failures = totp.failures + 1;
    const isLast = failures >= FAILURES_MAX;
    const lockedUntil = isLast ? new Date(now.getTime() + LOCKED_MS) : null;
    await updateTotp(tx, userId, { failures: isLast ? 0 : failures, lockedUntil });
    await recordAudit(tx, actorOf(userId, visit), {
      action: "totp.refuse",
      accountId: null,
      resourceType: "user",
      resourceId: userId,
      changes: [],
    });
    return "refused";
  }

  async function isGood(tx: Tx, totp: TotpRecord, given: SecondFactorInput, now: Date): Promise<boolean> {
    const { userId } = totp;
    if (given.totp_code === undefined) {
      const isTaken = await takeRecoveryCode(tx, userId, hashOfRecoveryCode(given.recovery_code ?? ""));
      if (isTaken) await updateTotp(tx, userId, { failures: 0, lockedUntil: null });
      return isTaken;
    }
    const step = stepOf(openTotp(seal, totp), given.totp_code, now);
    // RFC 6238 §5.2: a code that was taken is not taken again, nor is an older one.
    if (step === undefined || (totp.lastStep !== null && step <= totp.lastStep)) return false;
    await updateTotp(tx, userId, { lastStep: step, failures: 0, lockedUntil: null });
    return true;
  }

  return { pass };
}

export function secondStepProblem(step: Exclude<SecondStep, "passed">): Problem {
  switch (step) {
    case "missing":
      return new Problem(totpRequired, "Send totp_code as well, or recovery_code.");
    case "refused":
      return new Problem(totpRefused, "Wait for the next code: each is good once.");
    case "locked":
      return new Problem(totpLocked, `Try again in ${LOCKED_MINUTES} minutes.`, {
        headers: { "retry-after": String(LOCKED_MINUTES * 60) },
      });
  }
}

export function openTotp(seal: Seal, { userId, sealed }: Pick<TotpRecord, "userId" | "sealed">): string {
  return seal.open(sealed, totpContext(userId));
}

export function totpContext(userId: string): string {
  return `totp:${userId}`;
}
