// A certificate on the wire: nothing of its key.
import type { CertificateReply } from "./schema.ts";
import type { CertificateRecord } from "./store.ts";

export function certificateToReply(record: CertificateRecord): CertificateReply {
  const { id, name, names, isAutomatic, keyType, status, statusReason, issuer, serial, fingerprint } = record;
  return {
    ...{ id, name, domains: [...names], automatic: isAutomatic, key_type: keyType, status },
    ...{ status_reason: statusReason, issuer, serial, fingerprint },
    not_before: record.notBefore?.toISOString() ?? null,
    not_after: record.notAfter?.toISOString() ?? null,
    renew_at: record.renewAt?.toISOString() ?? null,
    ...{ created_by: record.createdBy, updated_by: record.updatedBy },
    created_at: record.createdAt.toISOString(),
    updated_at: record.updatedAt.toISOString(),
  };
}
