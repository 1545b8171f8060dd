// The judgement of every minute: what was measured decides how each alert stands. State, history and what people and programs
// are told of it are one transaction, under the locks of the alerts: a worker that is killed in the middle has judged none of
// them, and of two workers the second finds the minute judged.
import { randomUUID } from "node:crypto";
import type { Logger } from "../../../platform/log.ts";
import { outageOf } from "../../database/outage.ts";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import { platformActor } from "../../http/caller.ts";
import { recordAudit } from "../audit/index.ts";
import { warnProgramsAlone } from "../certificate/index.ts";
import { listLogsBehind } from "../edge-node/index.ts";
import { notify } from "../notification/index.ts";
import { domainOf, endEpisode, isMutedAt } from "./episode.ts";
import { insertEvent } from "./event-store.ts";
import { findEnabledIds, type Judged, writeStates } from "./judging-store.ts";
import type { Measuring } from "./measuring.ts";
import { judgedUntil } from "./needs.ts";
import { findAccountsCarriedBy } from "./read-model.ts";
import { isDue, newState, type Step, step, toBeTold } from "./state.ts";
import { type AlertRecord, findAlertsById, lockAlerts, updateAlert } from "./store.ts";
import { type Outcome, outcomesOf } from "./verdicts.ts";
import { notificationOf } from "./words.ts";

/** Measured together. */
const PAGE_ROWS = 5_000;
/** In one transaction. */
const SETTLED_ROWS = 500;
/** The next minute's judgement begins before. */
const DEADLINE_MS = 55_000;
/** Who was not heard of for longer serves nothing that would be missing. */
const EDGE_HEARD_WITHIN_MS = 10 * 60_000;

export interface JudgementSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly measures: Measuring;
  readonly publicUrl: URL;
  readonly log: Logger;
}

export async function judgeAll(settings: JudgementSettings, stopping: AbortSignal): Promise<void> {
  const { db, clock, measures, log } = settings;
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(DEADLINE_MS)]);
  const now = clock();
  const until = judgedUntil(now);
  const seenSince = new Date(now.getTime() - EDGE_HEARD_WITHIN_MS);
  const behind = await listLogsBehind(db, { seenSince, before: until });
  const withMissingLines = await findAccountsCarriedBy(
    db,
    behind.map(({ edgeId }) => edgeId),
  );
  let after: string | undefined;
  for (;;) {
    const ids = await findEnabledIds(db, { after, limit: PAGE_ROWS });
    const due = (await findAlertsById(db, ids)).filter((alert) => isDue(alert, until));
    const outcomes = await outcomesOf(due, { db, measures, log, until, now, withMissingLines }, signal);
    const judged = due.filter(({ id }) => outcomes.has(id));
    for (let from = 0; from < judged.length; from += SETTLED_ROWS) {
      await settleAll(judged.slice(from, from + SETTLED_ROWS), { settings, outcomes, until }, signal);
    }
    after = ids.at(-1);
    if (ids.length < PAGE_ROWS) return;
  }
}

interface Settling {
  readonly settings: JudgementSettings;
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly until: Date;
}

/** One whose consequences fail leaves the others theirs. */
async function settleAll(read: readonly AlertRecord[], settling: Settling, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { db, log } = settling.settings;
  try {
    await inTransaction(db, (tx) => settle(tx, read, settling));
  } catch (error) {
    if (outageOf(error) !== undefined) throw error;
    const [first] = read;
    if (first !== undefined && read.length === 1) {
      log.error({ error, alert_id: first.id, account_id: first.accountId }, "an alert cannot be judged");
      return;
    }
    const half = Math.ceil(read.length / 2);
    await settleAll(read.slice(0, half), settling, signal);
    await settleAll(read.slice(half), settling, signal);
  }
}

async function settle(tx: Tx, read: readonly AlertRecord[], { settings, outcomes, until }: Settling): Promise<void> {
  const readById = new Map(read.map((alert) => [alert.id, alert]));
  const judged: Judged[] = [];
  for (const alert of await lockAlerts(tx, [...readById.keys()])) {
    const outcome = outcomes.get(alert.id);
    const isAsRead = readById.get(alert.id)?.updatedAt.getTime() === alert.updatedAt.getTime();
    // Somebody has changed it since, or judged it.
    if (outcome === undefined || !isAsRead || !alert.isEnabled || !isDue(alert, until)) continue;
    if (outcome.kind === "ended") {
      await end(tx, alert, outcome.reason, settings);
    } else {
      const { state, turn } = step(alert, outcome.verdict, { until, hysteresis: hysteresisOf(alert) });
      judged.push({ ...(await follow(tx, alert, { state, turn }, settings)), id: alert.id });
    }
  }
  if (judged.length > 0) await writeStates(tx, judged);
}

/** Certificates come nearer to their end and nothing else: there is nothing to wait for. */
function hysteresisOf({ condition, raiseAfterMinutes, resolveAfterMinutes }: AlertRecord) {
  const isOfCertificates = condition.type === "certificate_expiry";
  return isOfCertificates
    ? { raiseAfterMinutes: 0, resolveAfterMinutes: 0 }
    : { raiseAfterMinutes, resolveAfterMinutes };
}

/** Writes its history and tells whom it tells. Answers the state with what they know by then. */
async function follow(
  tx: Tx,
  alert: AlertRecord,
  { state, turn }: Step,
  { clock, publicUrl }: JudgementSettings,
): Promise<Step["state"]> {
  const now = clock();
  const { id: alertId, accountId } = alert;
  const { value, since, reason } = { ...state, reason: state.reason ?? "" };
  const isMuted = isMutedAt(alert, now);
  if (turn !== undefined) {
    const at = state.judgedUntil ?? now;
    await insertEvent(tx, {
      id: randomUUID(),
      alertId,
      accountId,
      kind: turn,
      value,
      reason,
      isMuted,
      at,
      createdAt: now,
    });
  }
  const news = toBeTold(state, isMuted);
  if (news === undefined) return state;
  const domain = await domainOf(tx, alert);
  await notify(tx, notificationOf({ alert, turn: news, isTest: false, value, reason, since, domain, publicUrl, now }));
  if (news === "raised" && alert.mailInCharge) await warnProgramsAlone(tx, certificatesIn(state), now);
  return { ...state, isTold: news === "raised" };
}

/** `covered` names them with their fingerprints. */
function certificatesIn({ covered }: Step["state"]): readonly string[] {
  return covered.flatMap((one) => one.split(":")[0] ?? []);
}

async function end(tx: Tx, alert: AlertRecord, reason: string, { clock, publicUrl }: JudgementSettings): Promise<void> {
  const now = clock();
  const { id, accountId } = alert;
  await endEpisode(tx, alert, { reason, publicUrl, now });
  await updateAlert(tx, id, {
    ...newState(now),
    ...{ isEnabled: false, disabledReason: reason, updatedBy: null, updatedAt: now },
  });
  const changes = [{ pointer: "/is_enabled", before: true, after: false }];
  await recordAudit(tx, platformActor, {
    action: "alert.disable",
    accountId,
    resourceType: "alert",
    resourceId: id,
    changes,
  });
}
