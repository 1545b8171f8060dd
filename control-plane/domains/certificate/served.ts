// A certificate as edges get it: the record that names its key, and where that key lies.
import { PLATFORM_ACCOUNT } from "../../../agents/contract.ts";
import { compileCertificate } from "../../../edge-templates/index.ts";
import type { Reads } from "../../database/transaction.ts";
import { type CertificateRecord, findCertificate, findPlatformCertificates } from "./store.ts";

/** With a chain and a key; whoever was revoked or deleted is served no more. */
export interface ServedCertificate {
  readonly id: string;
  /** Null: the platform's own. */
  readonly accountId: string | null;
  readonly version: number;
  readonly names: readonly string[];
  readonly notAfter: Date;
  readonly keyType: "ecdsa" | "rsa";
  readonly chain: string;
  readonly keySecretId: string;
}

export async function findServed(reads: Reads, id: string): Promise<ServedCertificate | null> {
  const record = await findCertificate(reads, id);
  return record === undefined ? null : servedOf(record);
}

export async function findServedPlatform(reads: Reads): Promise<readonly ServedCertificate[]> {
  return (await findPlatformCertificates(reads)).flatMap((record) => servedOf(record) ?? []);
}

/** Null while there is nothing to show. */
export function servedOf(record: CertificateRecord): ServedCertificate | null {
  const { id, accountId, version, names, notAfter, keyType, chain, keySecretId } = record;
  if (record.deletedAt !== null || record.status === "revoked") return null;
  if (chain === null || keySecretId === null || notAfter === null) return null;
  return { id, accountId, version, names, notAfter, keyType, chain, keySecretId };
}

/** Its record in the feed. Throws a CompileRefusal for what no edge could show. */
export function compileServed({ id, accountId, names, notAfter, keyType, chain, keySecretId }: ServedCertificate) {
  const chains = [{ type: keyType, chain, secretId: keySecretId }];
  return compileCertificate({ id, accountId: accountId ?? PLATFORM_ACCOUNT, names, notAfter, chains });
}
