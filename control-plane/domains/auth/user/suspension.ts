// Whom the platform's operators have suspended: known, and allowed nothing.
import type { Problem } from "../../../../platform/problem.ts";
import { forbidden } from "../../../http/problems.ts";
import type { UserRecord } from "./store.ts";

export function assertActive(user: Pick<UserRecord, "suspendedAt" | "suspensionReason">): void {
  if (user.suspendedAt !== null) throw suspended(user.suspensionReason);
}

function suspended(reason: string | null): Problem {
  return forbidden(`The operators of this platform have suspended you${reason === null ? "." : `: ${reason}`}`);
}
