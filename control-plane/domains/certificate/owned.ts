// One certificate for whoever acts on it: the account's own, or a problem.
import { Problem } from "../../../platform/problem.ts";
import type { Caller } from "../../http/caller.ts";
import { unknownCertificate } from "./problems.ts";
import type { CertificateRecord } from "./store.ts";

/** Absent and foreign look the same. */
export function owned(
  record: CertificateRecord | undefined,
  { accountId }: Pick<Caller, "accountId">,
): CertificateRecord {
  if (record === undefined || record.accountId !== accountId || record.deletedAt !== null)
    throw new Problem(unknownCertificate, "No certificate of this account has this id.");
  return record;
}
