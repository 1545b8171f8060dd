// Which certificate a distribution is served with: one that its owner names, or one that is got for it and goes with it.
import type { FieldFault } from "../../../platform/problem.ts";
import type { Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { attachmentFault, covers, createAutomatic, findServed } from "../certificate/index.ts";
import type { DistributionWithOrigins } from "./state.ts";
import type { DistributionRecord } from "./store.ts";

export type CertificateColumns = Pick<DistributionRecord, "leIssue" | "certificateId" | "formerCertificateId">;

export const NO_CERTIFICATE: CertificateColumns = { leIssue: false, certificateId: null, formerCertificateId: null };

/** For whom it is chosen. */
export interface Served extends CertificateColumns, Pick<DistributionRecord, "domain" | "domainType"> {
  /** Another account's claim serves the name. */
  readonly isRival: boolean;
}

export interface ChosenCertificate {
  readonly columns: CertificateColumns;
  /** What was made for the distribution and is not wanted any more. */
  readonly discarded: string | null;
}

const WAITS_FOR_PROOF =
  "The name is served for another account. Prove that it is yours, and the certificate is asked for: POST " +
  "/api/v1/distributions/{id}/validate says how.";

/** `wish` is what a request says of it. Throws what is wrong with it. */
export async function chooseCertificate(
  tx: Tx,
  caller: Caller,
  served: Served,
  { wish, now }: { wish: Partial<CertificateColumns>; now: Date },
): Promise<ChosenCertificate> {
  const leIssue = wish.leIssue ?? served.leIssue;
  const faults = wishFaults(served, { ...wish, leIssue });
  if (faults.length > 0) throw invalidRequest(faults);
  const certificateId = leIssue ? await automaticFor(tx, caller, served, now) : await namedBy(tx, caller, served, wish);
  const isDiscarded = served.leIssue && certificateId !== served.certificateId;
  const left = isDiscarded ? [] : [served.certificateId];
  const formerCertificateId = await shownMeanwhile(tx, served, { certificateId, left });
  return {
    columns: { leIssue, certificateId, formerCertificateId },
    discarded: isDiscarded ? served.certificateId : null,
  };
}

/** What viewers are shown until the chosen one is issued: what they were shown before. */
async function shownMeanwhile(
  tx: Tx,
  served: Served,
  { certificateId, left }: { certificateId: string | null; left: readonly (string | null)[] },
): Promise<string | null> {
  if (certificateId === served.certificateId) return served.formerCertificateId;
  if (certificateId === null || (await findServed(tx, certificateId)) !== null) return null;
  for (const id of [...left, served.formerCertificateId]) {
    if (id !== null && (await findServed(tx, id)) !== null) return id;
  }
  return null;
}

function wishFaults(
  { domainType, leIssue: isAutomatic, certificateId: current }: Served,
  { leIssue, certificateId = null }: Partial<CertificateColumns>,
): readonly FieldFault[] {
  const isNamed = certificateId !== null && !(isAutomatic && certificateId === current);
  if (domainType === "subdomain") {
    const why = "the platform's own certificate covers names in its zone.";
    return [
      ...(leIssue ? [{ pointer: "/le_issue", detail: `must be false: ${why}` }] : []),
      ...(isNamed ? [{ pointer: "/certificate_id", detail: `must be null: ${why}` }] : []),
    ];
  }
  if (!leIssue || !isNamed) return [];
  const detail = "must be null while le_issue is true, which gets a certificate by itself: set le_issue to false.";
  return [{ pointer: "/certificate_id", detail }];
}

async function automaticFor(tx: Tx, caller: Caller, served: Served, now: Date): Promise<string> {
  if (served.leIssue && served.certificateId !== null) return served.certificateId;
  const waitsFor = served.isRival ? WAITS_FOR_PROOF : null;
  const { domain } = served;
  const made = await createAutomatic(tx, caller, { name: domain, names: [domain], keyType: "ecdsa", waitsFor, now });
  return made.id;
}

async function namedBy(
  tx: Tx,
  { accountId }: Caller,
  served: Served,
  { certificateId }: Partial<CertificateColumns>,
): Promise<string | null> {
  if (certificateId === undefined) return served.leIssue ? null : served.certificateId;
  if (certificateId === null || certificateId === served.certificateId) return certificateId;
  const fault = await attachmentFault(tx, { accountId, certificateId, host: served.domain });
  if (fault !== undefined) throw invalidRequest([{ pointer: "/certificate_id", detail: fault }]);
  return certificateId;
}

/** A clone has another name: a certificate that covers it too comes along, and one that was got for the other stays there. */
export function certificateForCopy(
  { record, certificate }: DistributionWithOrigins,
  { domain, domainType }: Pick<DistributionRecord, "domain" | "domainType">,
): CertificateColumns {
  if (domainType === "subdomain") return NO_CERTIFICATE;
  if (record.leIssue) return { ...NO_CERTIFICATE, leIssue: true };
  const isFit = certificate !== undefined && covers(certificate.names, domain);
  return { ...NO_CERTIFICATE, certificateId: isFit ? record.certificateId : null };
}
