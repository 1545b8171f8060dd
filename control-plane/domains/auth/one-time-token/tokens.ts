// Tokens that are good once and not for long. Whoever holds one is believed; what is kept of it is a hash.
import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import { Problem } from "../../../../platform/problem.ts";
import type { Reads, Tx } from "../../../database/transaction.ts";
import { linkExpired } from "../problems.ts";
import { lockUser } from "../user/store.ts";
import {
  findOneTimeToken,
  hasOtherTokenSince,
  insertOneTimeToken,
  type OneTimeTokenRecord,
  type Purpose,
  takeOneTimeToken,
} from "./store.ts";

const TOKEN_BYTES = 32;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const LIFETIME_MS: Record<Purpose, number> = {
  "verify-email": 24 * HOUR_MS,
  "reset-password": HOUR_MS,
  "log-in": 2 * MINUTE_MS,
};
/** Nobody gets more mail than this because somebody else asks for it. */
const BETWEEN_MAILS_MS = MINUTE_MS;

export const oneTimeToken = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, { error: "must be the token of a link, as it stands there." });

type Wanted = Pick<OneTimeTokenRecord, "purpose" | "userId" | "email" | "cause"> & { readonly now: Date };

export async function makeOneTimeToken(tx: Tx, { now, ...wanted }: Wanted): Promise<string> {
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  const expiresAt = new Date(now.getTime() + LIFETIME_MS[wanted.purpose]);
  await insertOneTimeToken(tx, { hash: hashOf(token), ...wanted, createdAt: now, expiresAt });
  return token;
}

/** Undefined when another mail for the same has just gone out. */
export async function makeMailedToken(tx: Tx, wanted: Wanted): Promise<string | undefined> {
  const since = new Date(wanted.now.getTime() - BETWEEN_MAILS_MS);
  return (await hasOtherTokenSince(tx, { ...wanted, since })) ? undefined : makeOneTimeToken(tx, wanted);
}

/** Looks at it and leaves it good. */
export async function getOneTimeToken(
  reads: Reads,
  shown: { token: string; purpose: Purpose; now: Date },
): Promise<OneTimeTokenRecord> {
  const found = await findOneTimeToken(reads, { ...shown, hash: hashOf(shown.token) });
  if (found === undefined) throw usedUp();
  return found;
}

/** Good for nothing afterwards. Its person is held first, as by all who end tokens: two of theirs at once take turns. */
export async function useOneTimeToken(
  tx: Tx,
  shown: { token: string; purpose: Purpose; now: Date },
): Promise<OneTimeTokenRecord> {
  const { userId } = await getOneTimeToken(tx, shown);
  await lockUser(tx, userId);
  const taken = await takeOneTimeToken(tx, { ...shown, hash: hashOf(shown.token) });
  if (taken === undefined) throw usedUp();
  return taken;
}

export function usedUp(): Problem {
  return new Problem(linkExpired, "Ask for another one.");
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
