// What only the platform knows: the key that the tokens of accounts are made with, and the challenge that stands on every
// edge. Both are made once, and kept sealed.
import { createHmac, randomBytes } from "node:crypto";
import type { Seal } from "../../../platform/seal.ts";
import type { Database } from "../../database/transaction.ts";
import { ensurePlatformSecret } from "../secret/index.ts";
import type { Challenge } from "./reach.ts";
import { baseOf } from "./rules.ts";

const TOKEN_LENGTH = 32;

export interface ValidationSecrets {
  /** What the account writes into DNS to prove that the name is its own; the same whenever it is asked for. */
  readonly tokenOf: (accountId: string, name: string) => string;
  readonly challenge: Challenge;
}

/** Read when they are first needed, and then known. */
export function createValidationSecrets({ db, seal }: { db: Database; seal: Seal }): () => Promise<ValidationSecrets> {
  let known: Promise<ValidationSecrets> | undefined;
  return () => {
    known ??= readSecrets(db, seal).catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  };
}

async function readSecrets(db: Database, seal: Seal): Promise<ValidationSecrets> {
  const make = () => randomBytes(32).toString("hex");
  const key = await ensurePlatformSecret(db, seal, { name: "domain-proof", make });
  const standing = await ensurePlatformSecret(db, seal, { name: "validation-challenge", make });
  const token = `edgewright-${standing.slice(0, 32)}`;
  return {
    tokenOf: (accountId, name) =>
      createHmac("sha256", key)
        .update(`${accountId}|${baseOf(name)}`)
        .digest("hex")
        .slice(0, TOKEN_LENGTH),
    challenge: { token, keyAuthorization: `${token}.${standing.slice(32)}` },
  };
}
