// When a certificate is asked for again: in the window that its authority names, and asks to be asked for again and again
// (RFC 9773); without its word at two thirds of the lifetime.
import { X509Certificate } from "node:crypto";
import { inTransaction, type Tx } from "../../database/transaction.ts";
import { findCertificate, findDueForRenewal, setRenewAt } from "../certificate/index.ts";
import type { OrderContext } from "./context.ts";
import { renewalIdOf } from "./renewal-id.ts";
import { failedCheckMs, fallbackRenewal, nextCheckMs, renewalInWindow } from "./renewal-rules.ts";
import { findRenewal, type RenewalRow, saveRenewal, takeDueChecks } from "./renewal-store.ts";
import { orderCertificate } from "./request.ts";

type RenewalSettings = Pick<OrderContext, "db" | "clock" | "random" | "authority" | "log">;

const DUE_MAX = 200;
const CHECKS_MAX = 100;
const CHECKS_AT_ONCE = 8;
/** Whoever took a check and died: it is taken again then. */
const CHECK_TAKEN_MS = 5 * 60_000;

/** In the transaction that stores it. The authority's own wish is asked for at once. */
export async function planRenewal(
  tx: Tx,
  { random, authority }: Pick<RenewalSettings, "random" | "authority">,
  { certificateId, chain, now }: { certificateId: string; chain: string; now: Date },
): Promise<void> {
  await setRenewAt(tx, certificateId, fallbackRenewal(validityOf(chain), random()));
  const renewalId = renewalIdOf(chain) ?? null;
  await saveRenewal(tx, certificateId, {
    ...{ failures: 0, early_failures: 0, directory_url: authority.settings.directoryUrl, renewal_id: renewalId },
    ...{ check_at: renewalId === null ? null : now, check_failures: 0, window_start: null, window_end: null },
  });
}

function validityOf(chain: string): { readonly notBefore: Date; readonly notAfter: Date } {
  const leaf = new X509Certificate(chain);
  return { notBefore: new Date(leaf.validFrom), notAfter: new Date(leaf.validTo) };
}

/** Every certificate whose time has come gets an order; one that has an order already keeps it. */
export async function renewDue(settings: RenewalSettings): Promise<void> {
  const { db, clock } = settings;
  for (const { id } of await findDueForRenewal(db, clock(), DUE_MAX))
    await orderCertificate(settings, id, { isDue: true });
}

export async function askRenewalInfo(settings: RenewalSettings, signal: AbortSignal): Promise<void> {
  const { db, clock } = settings;
  const now = clock();
  const until = new Date(now.getTime() + CHECK_TAKEN_MS);
  const due = [...(await inTransaction(db, (tx) => takeDueChecks(tx, { now, until, limit: CHECKS_MAX })))];
  const workers = Array.from({ length: CHECKS_AT_ONCE }, async () => {
    for (let row = due.pop(); row !== undefined; row = due.pop()) await check(settings, row, signal);
  });
  await Promise.all(workers);
}

async function check(settings: RenewalSettings, row: RenewalRow, signal: AbortSignal): Promise<void> {
  const { db, clock, authority, log } = settings;
  const { certificate_id: id, renewal_id: renewalId } = row;
  signal.throwIfAborted();
  // Of another authority than the one that is asked now, nobody is to be asked about this one.
  const isOurs = row.directory_url === authority.settings.directoryUrl && renewalId !== null;
  if (!isOurs) return inTransaction(db, (tx) => saveRenewal(tx, id, { check_at: null }));
  try {
    const info = await authority.renewalInfo(renewalId, signal);
    if (info === undefined) return await inTransaction(db, (tx) => saveRenewal(tx, id, { check_at: null }));
    await follow(settings, row, info);
  } catch (error) {
    signal.throwIfAborted();
    log.info({ error, certificate_id: id }, "an authority does not say when it wants to be asked for a renewal");
    const check_failures = row.check_failures + 1;
    const check_at = new Date(clock().getTime() + failedCheckMs(check_failures));
    await inTransaction(db, (tx) => saveRenewal(tx, id, { check_at, check_failures }));
  }
}

interface RenewalInfo {
  readonly window: { readonly start: Date; readonly end: Date };
  readonly retryAfterMs: number | undefined;
}

/** A window that moved has the time chosen anew; in one that did not, the time that was chosen stands. */
async function follow(
  { db, clock, random }: RenewalSettings,
  asked: RenewalRow,
  { window, retryAfterMs }: RenewalInfo,
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const { certificate_id: id } = asked;
    const certificate = await findCertificate(tx, id);
    const row = await findRenewal(tx, id);
    // Renewed while the authority was asked, or wanted no more.
    if (row?.renewal_id !== asked.renewal_id || certificate === undefined || certificate.chain === null) return;
    if (certificate.deletedAt !== null || certificate.status === "revoked")
      return saveRenewal(tx, id, { check_at: null });
    const now = clock();
    const isSame =
      row.window_start?.getTime() === window.start.getTime() && row.window_end?.getTime() === window.end.getTime();
    // A renewal that failed waits for its own time.
    if (!isSame && row.failures + row.early_failures === 0 && certificate.renewAt !== null) {
      const life = { validity: validityOf(certificate.chain), now, random: random() };
      await setRenewAt(tx, id, renewalInWindow(window, life));
    }
    await saveRenewal(tx, id, {
      ...{ check_at: new Date(now.getTime() + nextCheckMs(retryAfterMs)), check_failures: 0 },
      ...{ window_start: window.start, window_end: window.end },
    });
  });
}
