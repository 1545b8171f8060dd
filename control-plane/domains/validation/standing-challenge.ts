// The challenge that stands on the edges of every group, so that it can be seen from outside whether a certificate authority
// that asks a name would be answered by an edge of this platform.
import type { ChallengeBody } from "../../../agents/contract.ts";
import { inTransaction } from "../../database/transaction.ts";
import { type AppendSettings, appendToGroups, type Candidate, candidate, openWriter, scopesOf } from "../feed/index.ts";
import type { Challenge } from "./reach.ts";
import { isMissingSomewhere } from "./read-model.ts";

/** There is one. */
const ID = "00000000-0000-4000-8000-000000000001";
const PROVENANCE = { sourceVersion: 1, compilerVersion: 1 };

/** Locks nothing when every group has it, which is nearly always. */
export async function stand({ db, signer, clock, announce }: AppendSettings, challenge: Challenge): Promise<void> {
  const standing = recordOf(challenge);
  if (!(await isMissingSomewhere(db, standing))) return;
  const groups = await inTransaction(db, async (tx) =>
    appendToGroups(tx, await openWriter(tx, { signer, now: clock() }), async () => [standing]),
  );
  for (const scope of scopesOf(groups)) announce(scope);
}

function recordOf({ token, keyAuthorization }: Challenge): Candidate {
  const body: ChallengeBody = { format: 1, token, key_authorization: keyAuthorization };
  return candidate({ kind: "challenge", id: ID }, JSON.stringify(body), PROVENANCE);
}
