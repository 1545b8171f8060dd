// The edge_certificate_use table: which distribution is why a group's edges have a certificate.
import { z } from "zod";
import type { Tx } from "../../database/transaction.ts";

interface UseRow {
  readonly scope: string;
  readonly certificate_id: string;
  readonly distribution_id: string;
}

export interface CertificateUse {
  readonly distributionId: string;
  readonly certificateId: string;
}

const releasedSchema = z.object({ rows: z.array(z.object({ certificate_id: z.uuid() })) });

/** These distributions are served with these and no others. Answers the certificates that none is served with any more. */
export async function replaceCertificateUses(
  tx: Tx,
  scope: string,
  distributionIds: readonly string[],
  uses: readonly CertificateUse[],
): Promise<readonly string[]> {
  const rows = uses.map(({ distributionId, certificateId }): UseRow => {
    return { scope, certificate_id: certificateId, distribution_id: distributionId };
  });
  if (rows.length > 0) await tx<UseRow>("edge_certificate_use").insert(rows).onConflict().ignore();
  const result: unknown = await tx.raw(
    `with gone as (
       delete from edge_certificate_use u where u.scope = :scope and u.distribution_id = any(:distributions::uuid[])
         and not exists (select from json_populate_recordset(null::edge_certificate_use, :rows::json) n
                         where n.certificate_id = u.certificate_id and n.distribution_id = u.distribution_id)
       returning u.certificate_id, u.distribution_id)
     select distinct g.certificate_id from gone g
     where not exists (select from edge_certificate_use u where u.scope = :scope and u.certificate_id = g.certificate_id
                         and (u.certificate_id, u.distribution_id) not in (select certificate_id, distribution_id from gone))`,
    { scope, distributions: distributionIds, rows: JSON.stringify(rows) },
  );
  return releasedSchema.parse(result).rows.map((row) => row.certificate_id);
}
