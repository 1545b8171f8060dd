// When a certificate is another, or gone, every distribution that is served with it is deployed anew. With the platform's own
// those are the ones in its zone whose viewers are to come by HTTPS.
import type { z } from "zod";
import { type Database, inTransaction } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { certificateChanged, findCertificate, findServed } from "../certificate/index.ts";
import { REDEPLOYED_AT_ONCE, redeployPage } from "./redeploy.ts";
import { forgetFormerCertificates } from "./store.ts";

export type CertificateChange = z.output<typeof certificateChanged.payload>;

/** `pageSize` is for tests. */
export function redeployServed(
  db: Database,
  { certificate_id: id, after }: CertificateChange,
  pageSize = REDEPLOYED_AT_ONCE,
): Promise<void> {
  return inTransaction(db, async (tx) => {
    const certificate = await findCertificate(tx, id);
    if (certificate === undefined) return;
    if ((await findServed(tx, id)) !== null) await forgetFormerCertificates(tx, id);
    const kind = certificate.accountId === null ? "platform certificate" : "certificate";
    const next = await redeployPage(tx, { kind, id }, { after, limit: pageSize });
    if (next !== undefined) await enqueueJob(tx, certificateChanged, { certificate_id: id, after: next });
  });
}
