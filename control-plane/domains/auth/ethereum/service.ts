// Sign-In with Ethereum (EIP-4361): a wallet signs a message with a nonce of ours. Checked offline, so wallets that are
// contracts (EIP-1271), which only a node of the chain could answer for, are not let in.
import { randomBytes, randomUUID } from "node:crypto";
import { verifyMessage } from "viem/utils";
import { Problem } from "../../../../platform/problem.ts";
import { type Database, inTransaction, type Tx } from "../../../database/transaction.ts";
import type { UserCaller } from "../../../http/caller.ts";
import { invalidRequest, unauthorized } from "../../../http/problems.ts";
import type { Identities } from "../identity/identities.ts";
import { findIdentity, type IdentityKey, type IdentityRecord, lockIdentity } from "../identity/store.ts";
import type { OwnerProof } from "../password/proof.ts";
import { ethereumRefused } from "../problems.ts";
import type { PreparedToken, Sessions } from "../session/sessions.ts";
import type { IssuedToken } from "../token.ts";
import { type SecondFactor, type SecondStep, secondStepProblem } from "../totp/second-factor.ts";
import { findUser, lockUser } from "../user/store.ts";
import { assertActive } from "../user/suspension.ts";
import { actorOf, type Visit } from "../visit.ts";
import { type Claim, claimOf, type Verifier } from "./rules.ts";
import type { EthereumLinkInput, EthereumLoginInput, SignedMessage } from "./schema.ts";
import { insertNonce, takeNonce } from "./store.ts";

const NONCE_BYTES = 16;
const NONCE_LIFETIME_MS = 5 * 60_000;
/** As much of the address as it takes to be the only one; a user name has 30 characters at most. */
const NAME_DIGITS = [8, 12, 16, 26];
/** Whose identity it is may change while we look, once. */
const TRIES_MAX = 3;

interface EthereumSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly verifier: Verifier;
  readonly identities: Identities;
  readonly sessions: Sessions;
  readonly secondFactor: SecondFactor;
  readonly proof: OwnerProof;
}

type Fault = { readonly pointer: string; readonly detail: string };

export function createEthereumService(settings: EthereumSettings) {
  const { db, clock, verifier, identities, sessions, secondFactor, proof } = settings;

  async function giveNonce(): Promise<{ nonce: string; expiresAt: Date } & Verifier> {
    const nonce = randomBytes(NONCE_BYTES).toString("hex");
    const expiresAt = new Date(clock().getTime() + NONCE_LIFETIME_MS);
    await inTransaction(db, (tx) => insertNonce(tx, nonce, expiresAt));
    return { nonce, expiresAt, ...verifier };
  }

  async function logIn({ message, signature, ...given }: EthereumLoginInput, visit: Visit): Promise<IssuedToken> {
    const claim = await signedClaim({ message, signature });
    if ("pointer" in claim) throw refused(claim);
    const key = keyOf(claim);
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const holderId = (await findIdentity(db, key))?.userId;
      const token = await sessions.prepare(holderId ?? randomUUID());
      const step = await inTransaction(db, async (tx): Promise<SecondStep | "moved"> => {
        if ((await lockIdentity(tx, key))?.userId !== holderId) return "moved";
        const passed = holderId === undefined ? "passed" : await letIn(tx, holderId, given, visit);
        if (passed !== "passed") return passed;
        await useNonce(tx, claim);
        if (holderId === undefined) await welcome(tx, key, token, visit);
        await sessions.begin(tx, token, { method: "ethereum", visit });
        return passed;
      });
      if (step === "passed") return token;
      if (step !== "moved") throw secondStepProblem(step);
    }
    throw new Error("an identity went from hand to hand");
  }

  async function letIn(
    tx: Tx,
    userId: string,
    given: Pick<EthereumLoginInput, "totp_code" | "recovery_code">,
    visit: Visit,
  ): Promise<SecondStep> {
    const user = await lockUser(tx, userId);
    if (user !== undefined) assertActive(user);
    return secondFactor.pass(tx, userId, given, visit);
  }

  function welcome(tx: Tx, key: IdentityKey, { userId }: PreparedToken, visit: Visit): Promise<void> {
    const names = NAME_DIGITS.map((digits) => `eth-${key.subject.slice(2, 2 + digits)}`);
    return identities.welcome(tx, actorOf(userId, visit), key, { id: userId, names });
  }

  async function link(caller: UserCaller, { password, ...signed }: EthereumLinkInput): Promise<IdentityRecord> {
    const user = await findUser(db, caller.userId);
    if (user === undefined) throw unauthorized("The token's user is gone.");
    await proof.assert(caller, user, { field: "password", password });
    const claim = await signedClaim(signed);
    if ("pointer" in claim) throw invalidRequest([claim]);
    return inTransaction(db, async (tx) => {
      await useNonce(tx, claim);
      return identities.link(tx, caller, caller.userId, keyOf(claim));
    });
  }

  /** What the wallet has signed, or what is wrong with it. */
  async function signedClaim({ message, signature }: SignedMessage): Promise<Claim | Fault> {
    const claim = claimOf(message, verifier, clock());
    if ("fault" in claim) return { pointer: "/message", detail: claim.fault };
    const isSigned = await verifyMessage({ address: claim.address, message, signature }).catch(() => false);
    return isSigned ? claim : { pointer: "/signature", detail: "is not of this message by this address." };
  }

  async function useNonce(tx: Tx, { nonce }: Claim): Promise<void> {
    if (await takeNonce(tx, nonce, clock())) return;
    throw refused({ pointer: "/message", detail: "has a nonce that is not ours, was used, or is too old." });
  }

  return { giveNonce, logIn, link };
}

function keyOf({ address }: Claim): IdentityKey {
  return { kind: "ethereum", issuer: "eip155", subject: address.toLowerCase() };
}

function refused(fault: Fault): Problem {
  return new Problem(ethereumRefused, "Ask for a nonce, and sign a message with it.", { errors: [fault] });
}
