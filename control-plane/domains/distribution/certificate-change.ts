// When a certificate is another, or gone, every distribution that is served with it is deployed anew, a page at a time. With
// the platform's own those are the ones in its zone whose viewers are to come by HTTPS.
import type { z } from "zod";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { certificateChanged, findCertificate } from "../certificate/index.ts";
import { distributionChanged } from "./jobs.ts";
import { lockDistributionsOfCertificate, lockRedirectingSubdomains, updateDistribution } from "./store.ts";

const PAGE = 100;

export type CertificateChange = z.output<typeof certificateChanged.payload>;

/** `pageSize` is for tests. */
export function redeployServed(
  db: Database,
  { certificate_id: id, after }: CertificateChange,
  pageSize = PAGE,
): Promise<void> {
  // A page and the job of the next one are one transaction: killed anywhere, it goes on where it was.
  return inTransaction(db, async (tx) => {
    const ids = await lockServed(tx, id, { after, limit: pageSize });
    for (const distributionId of ids) {
      // The version alone: what was compiled before is known to be old.
      await updateDistribution(tx, distributionId, {});
      await enqueueJob(tx, distributionChanged, { distribution_id: distributionId });
    }
    const last = ids.at(-1);
    if (last === undefined || ids.length < pageSize) return;
    await enqueueJob(tx, certificateChanged, { certificate_id: id, after: last });
  });
}

async function lockServed(
  tx: Tx,
  id: string,
  page: { after: string | null; limit: number },
): Promise<readonly string[]> {
  const certificate = await findCertificate(tx, id);
  if (certificate === undefined) return [];
  return certificate.accountId === null
    ? lockRedirectingSubdomains(tx, page)
    : lockDistributionsOfCertificate(tx, id, page);
}
