// Certificates as distributions have them: named by their owner, or made for one and gone with it.
import { randomUUID } from "node:crypto";
import type { Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { type Difference, differences, recordAudit } from "../audit/index.ts";
import { destroySecret } from "../secret/index.ts";
import { certificateUnwanted, certificateWanted } from "./jobs.ts";
import { covers } from "./names.ts";
import { findUsers } from "./read-model.ts";
import {
  type CertificateRecord,
  holdCertificate,
  insertCertificate,
  lockCertificate,
  updateCertificate,
} from "./store.ts";

export interface AutomaticWish {
  readonly name: string;
  readonly names: readonly string[];
  readonly keyType: "ecdsa" | "rsa";
  /** Why it is not asked for yet; null: it is, at once. */
  readonly waitsFor: string | null;
  readonly now: Date;
}

export async function createAutomatic(tx: Tx, caller: Caller, wish: AutomaticWish): Promise<CertificateRecord> {
  const { name, names, keyType, waitsFor, now } = wish;
  const record: CertificateRecord = {
    ...{ id: randomUUID(), accountId: caller.accountId, name, names, keyType, isAutomatic: true },
    ...{ status: "pending", statusReason: waitsFor },
    ...{ chain: null, keySecretId: null, serial: null, fingerprint: null, issuer: null, notBefore: null },
    ...{ notAfter: null, version: 0, renewAt: null, askedAt: null, revocation: null, deletedAt: null },
    ...{ createdBy: caller.userId, updatedBy: caller.userId, createdAt: now, updatedAt: now },
  };
  await insertCertificate(tx, record);
  await recordCertificate(tx, caller, "certificate.create", { before: undefined, after: record });
  if (waitsFor === null) await enqueueJob(tx, certificateWanted, { certificate_id: record.id });
  return record;
}

/** Why the account's distribution of this name cannot be served with it; undefined: it can, and until the transaction ends nobody deletes it. */
export async function attachmentFault(
  tx: Tx,
  { accountId, certificateId, host }: { accountId: string; certificateId: string; host: string },
): Promise<string | undefined> {
  const record = await holdCertificate(tx, certificateId);
  if (record === undefined || record.accountId !== accountId || record.deletedAt !== null)
    return "is no certificate of this account: GET /api/v1/certificates lists them.";
  if (covers(record.names, host)) return undefined;
  const some = record.names.slice(0, NAMES_TOLD_MAX).join(", ");
  const more = record.names.length > NAMES_TOLD_MAX ? " and others" : "";
  return `does not cover ${host}: it is for ${some}${more}. Upload one that covers it, or set le_issue.`;
}

const NAMES_TOLD_MAX = 5;

/** A certificate that was made for a distribution goes with it, unless others are served with it too. */
export async function discardAutomatic(tx: Tx, caller: Caller, id: string, now: Date): Promise<void> {
  const record = await lockCertificate(tx, id);
  if (record === undefined || record.deletedAt !== null) return;
  if ((await findUsers(tx, id, 1)).length > 0) return;
  await removeCertificate(tx, caller, record, now);
}

/** Under its lock. The row stays, for the audit log and for whoever still has its id; the key does not. */
export async function removeCertificate(tx: Tx, caller: Caller, record: CertificateRecord, now: Date): Promise<void> {
  const gone = { deletedAt: now, updatedAt: now, updatedBy: caller.userId };
  await updateCertificate(tx, record.id, { ...gone, keySecretId: null, renewAt: null });
  if (record.keySecretId !== null) await destroySecret(tx, record.keySecretId);
  if (record.isAutomatic) await enqueueJob(tx, certificateUnwanted, { certificate_id: record.id, revoke: null });
  await recordCertificate(tx, caller, "certificate.delete", { before: record, after: undefined });
}

/** What the audit log keeps of it: never a key. */
export async function recordCertificate(
  tx: Tx,
  caller: Caller,
  action: string,
  { before, after }: { before: CertificateRecord | undefined; after: CertificateRecord | undefined },
  more: readonly Difference[] = [],
): Promise<void> {
  const changes = [...differences(before && auditedFields(before), after && auditedFields(after)), ...more];
  await recordAudit(tx, caller, {
    ...{ action, accountId: caller.accountId, resourceType: "certificate" },
    ...{ resourceId: after?.id ?? before?.id ?? "", changes },
  });
}

function auditedFields({ name, names, isAutomatic, keyType, status, fingerprint, notAfter }: CertificateRecord) {
  return {
    ...{ name, names, is_automatic: isAutomatic, key_type: keyType, status },
    ...{ fingerprint, not_after: notAfter?.toISOString() ?? null },
  };
}
