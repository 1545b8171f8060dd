// Tells programs that an automatic certificate has a new chain. People are not: it happens every few weeks for each name.
import type { Tx } from "../../database/transaction.ts";
import { notify } from "../notification/index.ts";
import type { CertificateRecord } from "./store.ts";

export async function tellIssued(
  tx: Tx,
  { id, accountId, name, names }: Pick<CertificateRecord, "id" | "accountId" | "name" | "names">,
  { notAfter, now }: { notAfter: Date; now: Date },
): Promise<void> {
  // The platform's own.
  if (accountId === null) return;
  await notify(tx, {
    ...{ accountId, event: "certificate.issued", now },
    subject: `The certificate ${name} has a new chain`,
    text: `The certificate ${name} (${names.join(", ")}) was issued. It holds until ${notAfter.toISOString()}.`,
    data: { certificate_id: id, name, names: [...names], not_after: notAfter.toISOString() },
  });
}
