// What becomes of an automatic certificate: the chain that an authority issued, or why there is none yet.
import { CompileRefusal } from "../../../edge-templates/index.ts";
import type { Seal } from "../../../platform/seal.ts";
import type { Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { destroySecret, storeSecret } from "../secret/index.ts";
import { certificatesIn, chainText, factsOf, leafOf, normalKey } from "./facts.ts";
import { certificateChanged, certificateUnwanted } from "./jobs.ts";
import { makeUsersStale } from "./read-model.ts";
import { compileServed, servedOf } from "./served.ts";
import { type CertificateRecord, lockCertificate, updateCertificate } from "./store.ts";

export interface Issued {
  readonly certificateId: string;
  /** PEM, the leaf first. */
  readonly chain: string;
  /** PEM. */
  readonly privateKey: string;
}

/**
 * The newest result of a certificate: edges show it from now on, and its former key is destroyed. Throws a CompileRefusal
 * for what no edge could show. Undefined: it was deleted or revoked meanwhile.
 */
export async function storeIssued(
  tx: Tx,
  { seal, now }: { seal: Seal; now: Date },
  { certificateId, chain, privateKey }: Issued,
): Promise<{ readonly version: number } | undefined> {
  const record = await lockCertificate(tx, certificateId);
  if (record === undefined || record.deletedAt !== null || record.status === "revoked") return undefined;
  const leaf = leafOf(chain);
  const facts = factsOf(leaf);
  const missing = record.names.filter((name) => !facts.names.includes(name));
  if (missing.length > 0) throw new CompileRefusal("chain", `is not for ${missing.join(", ")}`);
  const changes = { ...facts, names: record.names, chain: chainText(certificatesIn(chain)) };
  const version = await replaceChain(tx, { seal, now }, record, { ...changes, privateKey });
  if (record.revocation !== null) {
    await enqueueJob(tx, certificateUnwanted, { certificate_id: certificateId, revoke: record.revocation });
    await updateCertificate(tx, certificateId, { revocation: null });
  }
  return { version };
}

type NewChain = Pick<CertificateRecord, "names" | "keyType" | "serial" | "fingerprint" | "issuer"> & {
  readonly chain: string;
  readonly privateKey: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
};

/** Under the row's lock. The key that was shown until now is opened by nobody any more: edges have it until the new one. */
export async function replaceChain(
  tx: Tx,
  { seal, now }: { seal: Seal; now: Date },
  record: CertificateRecord,
  { privateKey, ...changes }: NewChain,
): Promise<number> {
  const { id, accountId } = record;
  const value = normalKey(privateKey);
  const keySecretId = await storeSecret(tx, seal, { accountId, purpose: "certificate_key", value, now });
  const next = { ...record, ...changes, keySecretId };
  assertShowable(next);
  const version = record.version + 1;
  await updateCertificate(tx, id, {
    ...{ ...changes, keySecretId, version, status: "active" as const, statusReason: null, updatedAt: now },
  });
  if (record.keySecretId !== null) await destroySecret(tx, record.keySecretId);
  await makeUsersStale(tx, id);
  await enqueueJob(tx, certificateChanged, { certificate_id: id });
  return version;
}

/** Compiles it as a trial: what no edge could show is found now. */
function assertShowable(record: CertificateRecord): void {
  const served = servedOf({ ...record, status: "active" });
  if (served === null) throw new TypeError(`certificate ${record.id} has no chain`);
  compileServed(served);
}

/** The reason is for its owner: what is wrong and what mends it. A chain that is there serves on. */
export async function recordIssueFailure(
  tx: Tx,
  { certificateId, reason, now }: { certificateId: string; reason: string; now: Date },
): Promise<void> {
  const record = await lockCertificate(tx, certificateId);
  if (record === undefined || record.deletedAt !== null) return;
  const isServing = record.status === "active" && record.notAfter !== null && record.notAfter > now;
  const status = isServing ? "active" : "failed";
  await updateCertificate(tx, certificateId, { status, statusReason: reason, updatedAt: now });
  await makeUsersStale(tx, certificateId);
}

/** What it waits for, in words; what edges show stays as it is. */
export async function recordIssueWait(
  tx: Tx,
  { certificateId, reason, now }: { certificateId: string; reason: string; now: Date },
): Promise<void> {
  const record = await lockCertificate(tx, certificateId);
  if (record === undefined || record.deletedAt !== null || record.statusReason === reason) return;
  await updateCertificate(tx, certificateId, { statusReason: reason, updatedAt: now });
  await makeUsersStale(tx, certificateId);
}

/** Null: an order is under way, or nobody renews it. */
export async function setRenewAt(tx: Tx, certificateId: string, at: Date | null): Promise<void> {
  await updateCertificate(tx, certificateId, { renewAt: at });
}
