// Orders are made and withdrawn here: because somebody wants a certificate, because its time has come, or because nobody does.
import { type Database, inTransaction } from "../../database/transaction.ts";
import { findCertificate, recordIssueFailure, setRenewAt } from "../certificate/index.ts";
import type { Authority } from "./authority.ts";
import { hurryOrder, insertOrder, releaseNames, withdrawOrders } from "./order-store.ts";
import { findRenewal, saveRenewal } from "./renewal-store.ts";

interface RequestSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly authority: Authority;
}

/** One that waits already is tried at once; one that has begun goes on. `isDue`: because its time has come. */
export async function orderCertificate(
  { db, clock, authority }: RequestSettings,
  certificateId: string,
  { isDue }: { isDue: boolean },
): Promise<void> {
  const { directoryUrl } = authority.settings;
  await inTransaction(db, async (tx) => {
    const certificate = await findCertificate(tx, certificateId);
    if (certificate === undefined || certificate.deletedAt !== null || !certificate.isAutomatic) return;
    const renewal = await findRenewal(tx, certificateId);
    const isRenewal = certificate.status === "active" && renewal?.directory_url === directoryUrl;
    const replaces = isRenewal ? renewal.renewal_id : null;
    const { names, keyType } = certificate;
    const now = clock();
    const isMade = await insertOrder(tx, { certificateId, directoryUrl, names, keyType, replaces, isDue }, now);
    if (!isMade) await hurryOrder(tx, certificateId, now);
    // The order says when it is next to be tried, from now on.
    await setRenewAt(tx, certificateId, null);
  });
}

/** Its orders end, and nobody asks for another. */
export async function forgetCertificate({ db, clock }: Pick<RequestSettings, "db" | "clock">, certificateId: string) {
  await inTransaction(db, async (tx) => {
    const now = clock();
    await releaseNames(tx, await withdrawOrders(tx, certificateId, now), now);
    await saveRenewal(tx, certificateId, { check_at: null });
    await setRenewAt(tx, certificateId, null);
  });
}

/** Without an authority nothing can be issued; whoever waits for it is told. */
export async function refuseCertificate({ db, clock }: Pick<RequestSettings, "db" | "clock">, certificateId: string) {
  const reason =
    "This platform has no certificate authority: its operator has to set ACME_DIRECTORY_URL. Certificates can be uploaded meanwhile.";
  await inTransaction(db, (tx) => recordIssueFailure(tx, { certificateId, reason, now: clock() }));
}
