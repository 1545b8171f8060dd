// A session for a command on the operator's own machine: whoever can read the master key needs no password.
import { Problem } from "../../../platform/problem.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import { noRequest } from "../../http/caller.ts";
import { unknownSession } from "./problems.ts";
import type { Sessions } from "./session/sessions.ts";
import { findAdministrator } from "./user/store.ts";
import { noVisit } from "./visit.ts";

export interface OperatorSession {
  readonly token: string;
  close(): Promise<void>;
}

/** Undefined: there is no administrator yet. */
export async function openOperatorSession({
  db,
  sessions,
}: {
  db: Database;
  sessions: Sessions;
}): Promise<OperatorSession | undefined> {
  const user = await findAdministrator(db);
  if (user === undefined) return undefined;
  const prepared = await sessions.prepare(user.id);
  await inTransaction(db, (tx) => sessions.begin(tx, prepared, { method: "command", visit: noVisit }));
  const caller = { ...noRequest, userId: user.id, sessionId: prepared.sessionId, platformRole: user.platformRole };
  return {
    token: prepared.token,
    async close() {
      try {
        await sessions.end(caller, prepared.sessionId);
      } catch (error) {
        // The command may have ended it itself.
        if (!(error instanceof Problem) || error.kind !== unknownSession) throw error;
      }
    },
  };
}
