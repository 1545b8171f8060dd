// What the edges of each group show for a distribution, for `cdn:debug`: certificates as they stand in the feeds. Keys are
// secrets, which nobody reads back.
import { X509Certificate } from "node:crypto";
import { certificateBodySchema } from "../../../agents/contract.ts";
import type { Reads } from "../../database/transaction.ts";
import { findPlatformCertificates, findSummaries } from "../certificate/index.ts";
import type { DistributionRecord } from "../distribution/index.ts";
import { findRecordsById, type RecordRow } from "../feed/index.ts";

export interface CertificateExplanation {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly status_reason: string | null;
  readonly is_platform: boolean;
  /** The groups whose edges have it. */
  readonly shown: readonly {
    readonly group: string;
    readonly revision: number;
    readonly domains: readonly string[];
    readonly not_after: string;
    /** SHA-256 of each chain's leaf, in hex. */
    readonly fingerprints: readonly string[];
  }[];
}

export async function explainCertificates(
  reads: Reads,
  { certificateId, formerCertificateId }: DistributionRecord,
  groupNames: ReadonlyMap<string, string>,
): Promise<readonly CertificateExplanation[]> {
  const own = await findSummaries(
    reads,
    [certificateId, formerCertificateId].filter((id) => id !== null),
  );
  const platform = await findPlatformCertificates(reads);
  const known = [
    ...[...own.values()].map((one) => ({ ...one, isPlatform: false })),
    ...platform.map((one) => ({ ...one, isPlatform: true })),
  ];
  const records = await findRecordsById(
    reads,
    "certificate",
    known.map(({ id }) => id),
  );
  return known.map(({ id, name, status, statusReason, isPlatform }) => ({
    ...{ id, name, status, status_reason: statusReason, is_platform: isPlatform },
    shown: records
      .filter((record) => record.id === id && record.op === "put")
      .map((record) => ({ group: groupNames.get(record.scope) ?? record.scope, ...explainRecord(record) })),
  }));
}

function explainRecord({ rev, body }: RecordRow) {
  const { names, not_after: notAfter, chains } = certificateBodySchema.parse(JSON.parse(body));
  return {
    ...{ revision: rev, domains: names, not_after: new Date(notAfter * 1000).toISOString() },
    fingerprints: chains.map(({ chain }) =>
      new X509Certificate(chain).fingerprint256.replaceAll(":", "").toLowerCase(),
    ),
  };
}
