// Warns the owners of certificates that end soon: of uploaded ones, and of automatic ones that were not renewed in time. Looks
// every hour at what is, not at what was missed, so that a schedule that stood still for days says the most urgent alone.
import { z } from "zod";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import { defineJob, handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { every, type Schedule } from "../../jobs/schedule.ts";
import { notify, wasTold } from "../notification/index.ts";
import { isToBeRenewed, WARNED_AFTER_MS, WARNED_AHEAD_MS, warningDue, warningOf } from "./expiry-rules.ts";
import { type Ending, findEnding, findEndingOf } from "./expiry-store.ts";
import { findUsers } from "./read-model.ts";
import { holdCertificate } from "./store.ts";

const EVERY_MS = 60 * 60 * 1000;
const PAGE_ROWS = 500;
const USERS_NAMED_MAX = 100;
/** In one look of whoever watches accounts. */
const EXPIRING_MAX = 10_000;

const warnOfExpiry = defineJob({ name: "certificate.warn-of-expiry", payload: z.object({}), attempts: 1 });

export interface ExpirySettings {
  readonly db: Database;
  readonly clock: () => Date;
}

export function expiryHandlers(settings: ExpirySettings): JobHandler[] {
  return [handleJob(warnOfExpiry, (_, signal) => warnAll(settings, signal))];
}

export const expirySchedules: readonly Schedule[] = [every(EVERY_MS, warnOfExpiry, {})];

/** A transaction per certificate: whoever is killed in the middle has told whole ones, and the next run tells the others. */
async function warnAll({ db, clock }: ExpirySettings, signal: AbortSignal): Promise<void> {
  let after: string | undefined;
  for (;;) {
    const now = clock();
    const from = new Date(now.getTime() - WARNED_AFTER_MS);
    const until = new Date(now.getTime() + WARNED_AHEAD_MS);
    const page = await findEnding(db, { from, until, after, limit: PAGE_ROWS });
    for (const certificate of page) {
      signal.throwIfAborted();
      const due = dueOf(certificate, now);
      if (due === undefined || (await wasTold(db, due))) continue;
      await inTransaction(db, (tx) => warn(tx, certificate.id, now));
    }
    after = page.at(-1)?.id;
    if (page.length < PAGE_ROWS) return;
  }
}

interface Due {
  readonly accountId: string;
  readonly notAfter: Date;
  readonly once: string;
}

/** Undefined: its owner needs no warning now. One is said once of a chain, whatever else of the certificate changes. */
function dueOf(certificate: Ending, now: Date): Due | undefined {
  const { id, accountId, notBefore, notAfter, isAutomatic, fingerprint, status, deletedAt } = certificate;
  if (accountId === null || notBefore === null || notAfter === null) return undefined;
  if (status === "revoked" || deletedAt !== null) return undefined;
  const days = warningDue({ isAutomatic, notBefore, notAfter }, now);
  if (days === undefined) return undefined;
  return { accountId, notAfter, once: `certificate.expiring:${id}:${fingerprint}:${days}` };
}

export interface ExpiringOfAccount {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly fingerprint: string;
  readonly notAfter: Date;
}

/** What these accounts have that ends within that time and that nobody renews, or that ended lately: the soonest first. */
export async function findExpiringOf(
  reads: Reads,
  accountIds: readonly string[],
  { now, aheadMs }: { now: Date; aheadMs: number },
): Promise<readonly ExpiringOfAccount[]> {
  const from = new Date(now.getTime() - WARNED_AFTER_MS);
  const until = new Date(now.getTime() + aheadMs);
  const ending = await findEndingOf(reads, { accountIds, from, until, limit: EXPIRING_MAX });
  return ending.flatMap(({ accountId, notBefore, notAfter, isAutomatic, fingerprint, status, id, name }) => {
    if (accountId === null || notBefore === null || notAfter === null || fingerprint === null) return [];
    if (status === "revoked" || isToBeRenewed({ isAutomatic, notBefore, notAfter }, now)) return [];
    return [{ id, accountId, name, fingerprint, notAfter }];
  });
}

/** Somebody writes to the owners that these end: the warnings that are due now come to programs alone. */
export async function warnProgramsAlone(tx: Tx, ids: readonly string[], now: Date): Promise<void> {
  for (const id of [...ids].sort()) await warn(tx, id, now, { withoutLetter: true });
}

/** Held, so that it is not replaced meanwhile. */
async function warn(tx: Tx, id: string, now: Date, { withoutLetter = false } = {}): Promise<void> {
  const certificate = await holdCertificate(tx, id);
  const due = certificate && dueOf(certificate, now);
  if (certificate === undefined || due === undefined) return;
  const { accountId, notAfter, once } = due;
  const usedBy = (await findUsers(tx, id, USERS_NAMED_MAX)).map(({ domain }) => domain);
  const { name, names, isAutomatic, statusReason } = certificate;
  const { subject, text, daysLeft } = warningOf({ name, names, isAutomatic, statusReason, notAfter, usedBy }, now);
  const data = {
    certificate_id: id,
    ...{ name, names, is_automatic: isAutomatic, not_after: notAfter.toISOString(), days_left: daysLeft },
    ...{ status_reason: statusReason, used_by: usedBy },
  };
  const said = { subject, text, data, once, now, ...(withoutLetter ? { withoutLetter } : {}) };
  await notify(tx, { accountId, event: "certificate.expiring", ...said });
}
