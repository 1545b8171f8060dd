// Looks every minute how much accounts have used of what they may: tells them at 80 and at 100 %, cuts off those that are over
// a quota that does so, and lifts that when the quota is raised or the month is over.
import type { Logger } from "../../../platform/log.ts";
import { outageOf } from "../../database/outage.ts";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import { platformActor } from "../../http/caller.ts";
import { lockAccount } from "../account/index.ts";
import { recordAudit } from "../audit/index.ts";
import { setCutOff } from "../distribution/index.ts";
import { notify, wasTold } from "../notification/index.ts";
import type { Counts } from "./counted.ts";
import { monthOf, periodOf } from "./month.ts";
import { wordsOf } from "./quota-letters.ts";
import {
  type DefaultQuotas,
  hasDefaults,
  isLimited,
  isToBeCutOff,
  onceOf,
  type Reached,
  reachedOf,
  type Used,
} from "./quota-rules.ts";
import { findStanding, findStandings, type Standing } from "./standings.ts";

const PAGE_ROWS = 1_000;
const NOTHING: Used = { requests: 0, bytes: 0 };

export interface QuotaChecks {
  readonly db: Database;
  readonly counts: Pick<Counts, "used">;
  readonly defaults: DefaultQuotas;
  readonly clock: () => Date;
  readonly log: Logger;
}

/** What was used, and when that was asked: what happened since then is not in it. */
interface Reading {
  readonly used: Used;
  readonly readAt: Date;
}

/**
 * A transaction per account that something follows for: who is killed in the middle has done whole ones, and what fails for
 * one is no matter to those behind it.
 */
export async function checkAllQuotas(checks: QuotaChecks, signal: AbortSignal): Promise<void> {
  const { db, log, counts, defaults, clock } = checks;
  const isExceptional = !hasDefaults(defaults);
  const readAt = clock();
  let used: ReadonlyMap<string, Used> | undefined;
  for (let after: string | undefined; ; ) {
    const page = await findStandings(db, defaults, { isExceptional, after, limit: PAGE_ROWS });
    const limited = page.filter(({ quota, cutOffAt }) => isLimited(quota) || cutOffAt !== null);
    // Without quotas ClickHouse is not asked.
    if (limited.length > 0) used ??= await counts.used(periodOf(monthOf(readAt)), signal);
    for (const standing of limited) {
      signal.throwIfAborted();
      const { accountId } = standing;
      try {
        await settleIfNeeded(checks, standing, { used: used?.get(accountId) ?? NOTHING, readAt });
      } catch (error) {
        if (outageOf(error) !== undefined) throw error;
        log.error({ account_id: accountId, error }, "the quota of an account cannot be acted upon");
      }
    }
    after = page.at(-1)?.accountId;
    if (page.length < PAGE_ROWS) return;
  }
}

/** At once, after an operator has changed its quota. */
export async function checkQuota(checks: QuotaChecks, accountId: string, signal: AbortSignal): Promise<void> {
  const { db, counts, defaults, clock } = checks;
  const readAt = clock();
  const standing = await findStanding(db, defaults, accountId);
  if (standing === undefined) return;
  const used = await counts.used(periodOf(monthOf(readAt)), signal, [accountId]);
  await settleIfNeeded(checks, standing, { used: used.get(accountId) ?? NOTHING, readAt });
}

async function settleIfNeeded(checks: QuotaChecks, standing: Standing, reading: Reading): Promise<void> {
  const { db } = checks;
  const { accountId, cutOffAt } = standing;
  const { isCutOff, due } = verdictOf(standing, reading);
  let isTold = true;
  for (const { once } of due) isTold &&= await wasTold(db, { accountId, once });
  if (isTold && isCutOff === (cutOffAt !== null)) return;
  await inTransaction(db, (tx) => settle(tx, checks, accountId, reading));
}

function verdictOf({ quota }: Standing, { used, readAt }: Reading) {
  const reached = reachedOf(quota, used);
  const isCutOff = isToBeCutOff(quota, reached);
  return { isCutOff, due: reached.map((one) => ({ ...one, once: onceOf(monthOf(readAt), one, isCutOff) })) };
}

/** The account is held, and its quota read again: an operator who raises it meanwhile is not overruled. */
async function settle(tx: Tx, checks: QuotaChecks, accountId: string, reading: Reading): Promise<void> {
  await lockAccount(tx, accountId);
  const now = checks.clock();
  // The month has turned since it was counted: the next look is at the new one.
  if (monthOf(now) !== monthOf(reading.readAt)) return;
  const standing = await findStanding(tx, checks.defaults, accountId);
  if (standing === undefined) return;
  const { isCutOff, due } = verdictOf(standing, reading);
  // Another look, which began later and so counted more, has cut it off.
  if (!isCutOff && standing.cutOffAt !== null && reading.readAt < standing.cutOffAt) return;
  if (isCutOff !== (standing.cutOffAt !== null)) await bringCutOff(tx, standing, { isCutOff, now });
  for (const one of due) await tell(tx, accountId, { ...one, isCutOff, now });
}

async function bringCutOff(
  tx: Tx,
  { accountId, cutOffAt }: Standing,
  { isCutOff, now }: { isCutOff: boolean; now: Date },
): Promise<void> {
  await setCutOff(tx, { accountId, isCutOff, now });
  const [before, after] = [cutOffAt?.toISOString() ?? null, isCutOff ? now.toISOString() : null];
  await recordAudit(tx, platformActor, {
    action: isCutOff ? "account.cut-off" : "account.restore",
    ...{ accountId, resourceType: "account", resourceId: accountId },
    changes: [{ pointer: "/cut_off_at", before, after }],
  });
}

async function tell(
  tx: Tx,
  accountId: string,
  { isCutOff, now, once, ...reached }: Reached & { isCutOff: boolean; now: Date; once: string },
): Promise<void> {
  const month = monthOf(now);
  const { metric, percent, limit, used } = reached;
  await notify(tx, {
    ...{ accountId, once, now, isUrgent: percent === 100 },
    event: percent === 100 ? "usage.exceeded" : "usage.warning",
    ...wordsOf(month, reached, isCutOff),
    data: { month, metric, percent, limit, used, is_cut_off: isCutOff },
  });
}
