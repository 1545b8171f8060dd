// The certificate of a distribution, as its answers tell of it.
import { z } from "zod";
import type { CertificateSummary } from "../certificate/index.ts";

export const exampleCertificate = {
  id: "3f6e1a7c-9b2d-4c58-8f10-6a5b4c3d2e1f",
  name: "www.example.com",
  status: "active",
  status_reason: null,
  not_after: "2027-02-18T12:00:00.000Z",
  issuer: "E7",
  is_automatic: true,
} as const;

export const certificateSummary = z
  .object({
    id: z.uuid(),
    name: z.string(),
    status: z.enum(["pending", "active", "failed", "revoked"]),
    status_reason: z.string().nullable(),
    not_after: z.string().nullable(),
    issuer: z.string().nullable(),
    is_automatic: z.boolean(),
  })
  .meta({ id: "CertificateSummary", examples: [exampleCertificate] });

export function certificateToSummary(certificate: CertificateSummary): z.input<typeof certificateSummary> {
  const { id, name, status, statusReason, notAfter, issuer, isAutomatic } = certificate;
  return {
    ...{ id, name, status, status_reason: statusReason },
    ...{ not_after: notAfter?.toISOString() ?? null, issuer, is_automatic: isAutomatic },
  };
}
