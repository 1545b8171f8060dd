// A person's authenticator: enrolled, confirmed by a first code, and let go again.
import { renderSVG } from "uqr";
import { Problem } from "../../../../platform/problem.ts";
import type { Seal } from "../../../../platform/seal.ts";
import { type Database, inTransaction, type Tx } from "../../../database/transaction.ts";
import type { UserCaller } from "../../../http/caller.ts";
import { invalidRequest, unauthorized } from "../../../http/problems.ts";
import { recordAudit } from "../../audit/index.ts";
import type { Post } from "../../mail/index.ts";
import { newsLetter } from "../letters.ts";
import type { OwnerProof } from "../password/proof.ts";
import { codeWrong, totpAlreadyOn, totpNotOn } from "../problems.ts";
import { findUser, type UserRecord } from "../user/store.ts";
import type { Visit } from "../visit.ts";
import { hashOfRecoveryCode, newRecoveryCodes, newSecret, otpauthUri, stepOf } from "./rules.ts";
import type { OwnTotpInput } from "./schema.ts";
import { openTotp, type SecondFactor, type SecondStep, secondStepProblem, totpContext } from "./second-factor.ts";
import {
  countRecoveryCodes,
  deleteTotp,
  findTotp,
  lockTotp,
  replaceRecoveryCodes,
  replaceTotp,
  updateTotp,
} from "./store.ts";

interface TotpSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly seal: Seal;
  readonly proof: OwnerProof;
  readonly post: Post;
  readonly secondFactor: SecondFactor;
}

export interface Enrolment {
  readonly secret: string;
  readonly uri: string;
  readonly qrSvg: string;
}

export function createTotpService({ db, clock, seal, proof, post, secondFactor }: TotpSettings) {
  async function read({ userId }: UserCaller): Promise<{ enabledAt: Date | null; recoveryCodesLeft: number }> {
    const enabledAt = (await findTotp(db, userId))?.confirmedAt ?? null;
    return { enabledAt, recoveryCodesLeft: enabledAt === null ? 0 : await countRecoveryCodes(db, userId) };
  }

  async function enrol(caller: UserCaller, password: string | undefined): Promise<Enrolment> {
    const user = await provenOwner(caller, password);
    const secret = newSecret();
    await inTransaction(db, async (tx) => {
      if (((await lockTotp(tx, user.id))?.confirmedAt ?? null) !== null) throw alreadyOn();
      const blank = { confirmedAt: null, lastStep: null, failures: 0, lockedUntil: null };
      const sealed = seal.seal(secret, totpContext(user.id));
      await replaceTotp(tx, { userId: user.id, sealed, createdAt: clock(), ...blank });
    });
    const uri = otpauthUri(secret, user.username);
    return { secret, uri, qrSvg: renderSVG(uri) };
  }

  /** From here on a log-in takes a code. Answers the recovery codes. */
  async function confirm(caller: UserCaller, code: string): Promise<string[]> {
    return inTransaction(db, async (tx) => {
      const totp = await lockTotp(tx, caller.userId);
      if (totp === undefined) throw notOn();
      if (totp.confirmedAt !== null) throw alreadyOn();
      const now = clock();
      const lastStep = stepOf(openTotp(seal, totp), code, now);
      if (lastStep === undefined) throw wrongCode();
      await updateTotp(tx, caller.userId, { confirmedAt: now, lastStep });
      await record(tx, caller, "totp.enable", { before: false, after: true });
      return giveRecoveryCodes(tx, caller.userId);
    });
  }

  async function disable(caller: UserCaller, input: OwnTotpInput, visit: Visit): Promise<void> {
    await asOwner(caller, input, visit, async (tx, user) => {
      await deleteTotp(tx, user.id);
      await record(tx, caller, "totp.disable", { before: true, after: false });
      if (user.email !== null && user.emailVerifiedAt !== null) {
        await post.post(tx, newsLetter({ to: user.email, username: user.username }, "totp-disabled"));
      }
    });
  }

  /** The former ones are good for nothing any more. */
  async function renewRecoveryCodes(caller: UserCaller, input: OwnTotpInput, visit: Visit): Promise<string[]> {
    return asOwner(caller, input, visit, async (tx, user) => {
      await recordAudit(tx, caller, {
        action: "totp.renew-recovery-codes",
        accountId: null,
        resourceType: "user",
        resourceId: user.id,
        changes: [{ pointer: "/recovery_codes", before: "(set)", after: "(set)" }],
      });
      return giveRecoveryCodes(tx, user.id);
    });
  }

  /** Password and code: whoever found a phone or a token has one of them. */
  async function asOwner<T>(
    caller: UserCaller,
    { password, ...given }: OwnTotpInput,
    visit: Visit,
    work: (tx: Tx, user: UserRecord) => Promise<T>,
  ): Promise<T> {
    const user = await provenOwner(caller, password);
    const outcome = await inTransaction(
      db,
      async (tx): Promise<{ step: "passed"; result: T } | { step: Exclude<SecondStep, "passed"> }> => {
        if (((await lockTotp(tx, user.id))?.confirmedAt ?? null) === null) throw notOn();
        const step = await secondFactor.pass(tx, user.id, given, visit);
        return step === "passed" ? { step, result: await work(tx, user) } : { step };
      },
    );
    if (outcome.step === "passed") return outcome.result;
    throw ownerProblem(outcome.step);
  }

  async function provenOwner(caller: UserCaller, password: string | undefined): Promise<UserRecord> {
    const user = await findUser(db, caller.userId);
    if (user === undefined) throw unauthorized("The token's user is gone.");
    await proof.assert(caller, user, { field: "password", password });
    return user;
  }

  return { read, enrol, confirm, disable, renewRecoveryCodes };
}

async function giveRecoveryCodes(tx: Tx, userId: string): Promise<string[]> {
  const codes = newRecoveryCodes();
  await replaceRecoveryCodes(tx, userId, codes.map(hashOfRecoveryCode));
  return codes;
}

async function record(
  tx: Tx,
  caller: UserCaller,
  action: string,
  enabled: { before: boolean; after: boolean },
): Promise<void> {
  await recordAudit(tx, caller, {
    action,
    accountId: null,
    resourceType: "user",
    resourceId: caller.userId,
    changes: [{ pointer: "/totp", ...enabled }],
  });
}

/** Unlike at a log-in the token is good: a 401 would tell programs to drop it. */
function ownerProblem(step: Exclude<SecondStep, "passed">): Problem {
  if (step === "locked") return secondStepProblem(step);
  if (step === "refused") return wrongCode();
  return invalidRequest([{ pointer: "/totp_code", detail: "is required for this, or recovery_code." }]);
}

function wrongCode(): Problem {
  return new Problem(codeWrong, "Wait for the next code: each is good once. Is the clock of the authenticator right?");
}

function alreadyOn(): Problem {
  return new Problem(totpAlreadyOn, "Turn it off before you enrol another one.");
}

function notOn(): Problem {
  return new Problem(totpNotOn, "Enrol one first.");
}
