// The platform's own certificate: one for the names that it makes itself. It belongs to no account.
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type Database, inTransaction } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { certificateWanted } from "./jobs.ts";
import {
  type CertificateRecord,
  findPlatformCertificates,
  insertPlatformCertificate,
  updateCertificate,
} from "./store.ts";

const NAME = "platform";

/** One for these names, ordered when it is new or was for others; processes that ask at once end with the same. */
export function ensurePlatformCertificate(
  db: Database,
  { names, now }: { names: readonly string[]; now: Date },
): Promise<CertificateRecord> {
  return inTransaction(db, async (tx) => {
    const isNew = await insertPlatformCertificate(tx, newPlatformCertificate(names, now));
    const found = (await findPlatformCertificates(tx)).find(({ name }) => name === NAME);
    if (found === undefined) throw new Error("the platform's certificate vanished while it was made");
    const isOther = !isDeepStrictEqual(found.names, names);
    if (isOther) await updateCertificate(tx, found.id, { names, updatedAt: now });
    if (isNew || isOther) await enqueueJob(tx, certificateWanted, { certificate_id: found.id });
    return { ...found, names };
  });
}

function newPlatformCertificate(names: readonly string[], now: Date): CertificateRecord {
  return {
    ...{ id: randomUUID(), accountId: null, name: NAME, names, isAutomatic: true, keyType: "ecdsa" },
    ...{ status: "pending", statusReason: null, chain: null, keySecretId: null, serial: null, fingerprint: null },
    ...{ notBefore: null, notAfter: null, issuer: null, version: 0, renewAt: null, askedAt: null, revocation: null },
    ...{ createdBy: null, updatedBy: null, createdAt: now, updatedAt: now, deletedAt: null },
  };
}
