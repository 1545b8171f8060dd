// What an owner asks of an automatic certificate out of turn: another one, or that the present one be taken back.
import { Problem } from "../../../platform/problem.ts";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { destroySecret } from "../secret/index.ts";
import { recordCertificate } from "./attached.ts";
import { leafOf } from "./facts.ts";
import { certificateChanged, certificateUnwanted, certificateWanted, type Revocation } from "./jobs.ts";
import { owned } from "./owned.ts";
import { certificateAskedFor, certificateUploaded, nothingToRevoke } from "./problems.ts";
import { makeUsersStale } from "./read-model.ts";
import type { RevokeCertificateInput } from "./schema.ts";
import { type CertificateRecord, lockCertificate, updateCertificate } from "./store.ts";

const ASKED_AGAIN_AFTER_MS = 60_000;
const TO_BE_REPLACED = "Another one is asked for; then this one is revoked.";
const REVOKED = "It was revoked. POST /api/v1/certificates/{id}/renew gets another one.";

/** Who asks for what, and when. */
interface Demand {
  readonly caller: Caller;
  readonly before: CertificateRecord;
  readonly now: Date;
}

export function createOnDemand({ db, clock }: { db: Database; clock: () => Date }) {
  /** Also after one was revoked or none was got. */
  async function renew(caller: Caller, id: string): Promise<CertificateRecord> {
    return inTransaction(db, async (tx) => {
      const demand = { caller, before: automatic(await lockCertificate(tx, id), caller), now: clock() };
      const status = demand.before.status === "active" ? "active" : "pending";
      return askForAnother(tx, demand, { status, statusReason: null });
    });
  }

  async function revoke(
    caller: Caller,
    id: string,
    { reason, reissue }: RevokeCertificateInput,
  ): Promise<CertificateRecord> {
    return inTransaction(db, async (tx) => {
      const before = automatic(await lockCertificate(tx, id), caller);
      if (before.chain === null || before.status === "revoked")
        throw new Problem(nothingToRevoke, "There is none that edges show: nothing has to be taken back.");
      const demand = { caller, before, now: clock() };
      const revocation = { leaf: leafOf(before.chain).toString(), reason };
      if (!reissue) return takeBack(tx, demand, revocation);
      return askForAnother(tx, demand, { revocation, statusReason: TO_BE_REPLACED });
    });
  }

  return { renew, revoke };
}

async function askForAnother(
  tx: Tx,
  demand: Demand,
  wish: Partial<Pick<CertificateRecord, "status" | "statusReason" | "revocation">>,
): Promise<CertificateRecord> {
  const { before, now } = demand;
  assertAskedRarely(before, now);
  const action = wish.revocation === undefined ? "certificate.renew" : "certificate.revoke";
  const after = await change(tx, demand, action, { ...wish, askedAt: now });
  await enqueueJob(tx, certificateWanted, { certificate_id: before.id });
  return after;
}

/** At once: edges show it no more, and its key is destroyed. */
async function takeBack(tx: Tx, demand: Demand, revoke: Revocation): Promise<CertificateRecord> {
  const { id, keySecretId } = demand.before;
  const gone = {
    status: "revoked",
    statusReason: REVOKED,
    renewAt: null,
    keySecretId: null,
    revocation: null,
  } as const;
  const after = await change(tx, demand, "certificate.revoke", gone);
  if (keySecretId !== null) await destroySecret(tx, keySecretId);
  await enqueueJob(tx, certificateUnwanted, { certificate_id: id, revoke });
  await enqueueJob(tx, certificateChanged, { certificate_id: id });
  return after;
}

async function change(
  tx: Tx,
  { caller, before, now }: Demand,
  action: string,
  wish: Partial<CertificateRecord>,
): Promise<CertificateRecord> {
  const changes = { ...wish, updatedBy: caller.userId, updatedAt: now };
  await updateCertificate(tx, before.id, changes);
  await makeUsersStale(tx, before.id);
  const after = { ...before, ...changes };
  const reason = after.revocation?.reason;
  const told = reason === undefined ? [] : [{ pointer: "/revocation", after: reason }];
  await recordCertificate(tx, caller, action, { before, after }, told);
  return after;
}

function automatic(found: CertificateRecord | undefined, caller: Caller): CertificateRecord {
  const record = owned(found, caller);
  if (record.isAutomatic) return record;
  const cure = "the authority that issued it renews and revokes it. Send another one by PATCH.";
  throw new Problem(certificateUploaded, `It was uploaded: ${cure}`);
}

/** An authority has limits for all of us together: one that goes on failing is not asked again and again. */
function assertAskedRarely({ askedAt }: CertificateRecord, now: Date): void {
  if (askedAt === null) return;
  const again = new Date(askedAt.getTime() + ASKED_AGAIN_AFTER_MS);
  if (again <= now) return;
  const told = `It was asked for at ${askedAt.toISOString()}: again from ${again.toISOString()} on.`;
  const seconds = Math.ceil((again.getTime() - now.getTime()) / 1000);
  throw new Problem(certificateAskedFor, told, { headers: { "retry-after": String(seconds) } });
}
