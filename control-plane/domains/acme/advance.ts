// Carries one order on, step by step: each ends with a note of how far it came, so that whoever is killed anywhere leaves
// nothing that another could not go on with. What goes wrong is judged here.

import { ZoneUpdateRefused } from "../../../platform/dns/update.ts";
import { outageOf } from "../../database/outage.ts";
import { inTransaction, type Tx } from "../../database/transaction.ts";
import {
  type CertificateRecord,
  findCertificate,
  recordIssueFailure,
  recordIssueWait,
  setRenewAt,
} from "../certificate/index.ts";
import { notify } from "../notification/index.ts";
import { begin } from "./begin.ts";
import { CaaUnknown } from "./caa.ts";
import { proveNames, withdrawAnswers } from "./challenge.ts";
import { type OrderContext, OrderFailure, type Step } from "./context.ts";
import { endOrder } from "./end.ts";
import { download, finalize } from "./finalize.ts";
import { type LeasedOrder, LeaseLost, updateOrder } from "./order-store.ts";
import { prepare } from "./prepare.ts";
import { AuthorityAway, AuthorityRefusal, meaningOf } from "./refusal.ts";
import { earlyDelayMs, failureDelayMs, STUMBLES_MAX, stumbleDelayMs } from "./renewal-rules.ts";
import { countFailure } from "./renewal-store.ts";
import { duration, reasonOfRefusal } from "./words.ts";

const STEPS: Readonly<Record<string, Step>> = {
  waiting: prepare,
  ordering: begin,
  challenging: proveNames,
  finalizing: finalize,
  downloading: download,
};
/** Of one go: a proof that runs out and is found again is no endless loop. */
const STEPS_MAX = 20;
const RESTARTS_MAX = 5;
const PAUSE_MS = 5_000;

/** Until the order has ended, or has to wait. Ends early when another worker has it in hand, or the signal says so. */
export async function advance(context: OrderContext, leased: LeasedOrder, signal: AbortSignal): Promise<void> {
  let order = leased;
  try {
    // The settings name another authority by now, which knows nothing of it.
    const { directoryUrl } = context.authority.settings;
    if (order.directoryUrl !== directoryUrl) order = await moveTo(context, order, directoryUrl, signal);
    for (let steps = 0; steps < STEPS_MAX; steps += 1) {
      signal.throwIfAborted();
      const step = STEPS[order.state];
      if (step === undefined) {
        if (order.isPublished) await withdrawAnswers(context, order, signal);
        return;
      }
      const outcome = await step(context, order, signal);
      if (outcome.next === "later") return await wait(context, outcome.order, outcome.ms, outcome.reason);
      order = outcome.order;
    }
    await wait(context, order, PAUSE_MS, null);
  } catch (error) {
    if (error instanceof LeaseLost || signal.aborted) return;
    // What failed may have been noted in between.
    await judge(context, order, error, signal);
  }
}

async function wait({ db, clock }: OrderContext, order: LeasedOrder, ms: number, reason: string | null): Promise<void> {
  await updateOrder(db, order, { nextAt: new Date(clock().getTime() + ms), reason });
}

async function judge(context: OrderContext, order: LeasedOrder, error: unknown, signal: AbortSignal): Promise<void> {
  const { log } = context;
  if (error instanceof OrderFailure) return fail(context, order, error);
  if (error instanceof AuthorityRefusal) return judgeRefusal(context, order, error, signal);
  if (error instanceof AuthorityAway || error instanceof ZoneUpdateRefused) {
    // With addresses that are nobody's business: the certificate's owner reads what follows from it.
    log.warn({ error, order_id: order.id }, "an order is not answered");
    const who = error instanceof AuthorityAway ? "The certificate authority" : "The DNS zone of this platform";
    return stumble(context, order, `${who} does not answer as it should; it is asked again shortly.`);
  }
  if (error instanceof CaaUnknown) return stumble(context, order, error.message);
  // Last: behind what others threw may stand the same socket errors.
  if (outageOf(error) === "database") {
    log.warn({ error, order_id: order.id }, "an order waits for the database");
    return;
  }
  log.error({ error, order_id: order.id }, "an order met what nobody thought of");
  return stumble(context, order, "Something went wrong within this platform; its operator can see what in the log.");
}

async function judgeRefusal(
  context: OrderContext,
  order: LeasedOrder,
  refusal: AuthorityRefusal,
  signal: AbortSignal,
): Promise<void> {
  const meaning = meaningOf(refusal);
  if (meaning === "account") await context.accounts.forget();
  const isForgotten = meaning === "account" || (meaning === "order" && order.orderUrl !== null);
  if (isForgotten && order.endedAt === null && order.restarts < RESTARTS_MAX) {
    context.log.info(
      { order_id: order.id, refusal: refusal.message },
      "an authority knows nothing of an order, which begins anew",
    );
    return restart(context, order, signal);
  }
  const reason = reasonOfRefusal(refusal);
  if (meaning === "passing") return stumble(context, order, reason);
  const { retryAfterMs } = refusal;
  return fail(context, order, new OrderFailure(reason, retryAfterMs === undefined ? {} : { retryAfterMs }));
}

/** What it published answered questions that nobody will ask any more. */
async function restart(context: OrderContext, order: LeasedOrder, signal: AbortSignal): Promise<void> {
  const withdrawn = order.isPublished ? await withdrawAnswers(context, order, signal) : order;
  await updateOrder(context.db, withdrawn, {
    ...{ state: "waiting", orderUrl: null, certificateUrl: null, replaces: null },
    ...{ restarts: order.restarts + 1, nextAt: context.clock() },
  });
}

async function moveTo(
  context: OrderContext,
  order: LeasedOrder,
  directoryUrl: string,
  signal: AbortSignal,
): Promise<LeasedOrder> {
  if (order.endedAt !== null) return order;
  const withdrawn = order.isPublished ? await withdrawAnswers(context, order, signal) : order;
  const afresh = { state: "waiting" as const, orderUrl: null, certificateUrl: null, replaces: null };
  return updateOrder(context.db, withdrawn, { ...afresh, directoryUrl });
}

/** Nothing was refused: the same step is soon taken again, but not for ever. */
async function stumble(context: OrderContext, order: LeasedOrder, reason: string): Promise<void> {
  const { db, clock, random, log } = context;
  const stumbles = order.stumbles + 1;
  if (stumbles > STUMBLES_MAX) {
    if (order.endedAt === null) return fail(context, order, new OrderFailure(reason));
    log.warn({ order_id: order.id, reason }, "what an order published could not be withdrawn");
    await updateOrder(db, order, { isPublished: false });
    return;
  }
  const nextAt = new Date(clock().getTime() + stumbleDelayMs(stumbles, random()));
  await inTransaction(db, async (tx) => {
    await updateOrder(tx, order, { stumbles, reason, nextAt });
    if (order.endedAt === null) await recordIssueWait(tx, { certificateId: order.certificateId, reason, now: clock() });
  });
}

/** Back-off is the certificate's: its next order comes when that is over, or when its owner asks. */
async function fail(context: OrderContext, order: LeasedOrder, failure: OrderFailure): Promise<void> {
  const { db, clock, log } = context;
  const { certificateId } = order;
  let level: "info" | "warn" | "error" = "info";
  await inTransaction(db, async (tx) => {
    const now = clock();
    await endOrder(tx, order, { state: "failed", reason: failure.message, now });
    const certificate = await findCertificate(tx, certificateId);
    if (certificate === undefined || certificate.deletedAt !== null) return;
    level = levelOf(certificate, now);
    const failures = await countFailure(tx, certificateId, failure.isEarly ? "early_failures" : "failures");
    const ownMs = failure.isEarly ? earlyDelayMs(failures) : failureDelayMs(failures);
    const delayMs = Math.max(ownMs, failure.retryAfterMs ?? 0);
    const reason = failure.isStopped
      ? failure.message
      : `${failure.message} The next attempt is in ${duration(delayMs)}, or when a renewal is asked for.`;
    await recordIssueFailure(tx, { certificateId, reason, now });
    await setRenewAt(tx, certificateId, failure.isStopped ? null : new Date(now.getTime() + delayMs));
    if (isTold(certificate, failure, failures)) await tell(tx, certificate, { order, reason, now });
  });
  log[level](
    { order_id: order.id, certificate_id: certificateId, reason: failure.message },
    level === "info" ? "a certificate was not issued" : "the platform's own certificate was not issued",
  );
}

/** A customer is told; of the platform's own the operator learns here alone, while edges show the former one or do not. */
function levelOf({ accountId, notAfter }: CertificateRecord, now: Date): "info" | "warn" | "error" {
  if (accountId !== null) return "info";
  return notAfter !== null && notAfter > now ? "warn" : "error";
}

const EARLY_FAILURES_TOLD = 8;

/** Once per row of failures; for a name that was never served, the first ones may only mean that its DNS is not set yet. */
function isTold({ chain }: CertificateRecord, { isEarly }: OrderFailure, failures: number): boolean {
  if (isEarly) return failures === EARLY_FAILURES_TOLD;
  return failures === (chain === null ? 2 : 1);
}

async function tell(
  tx: Tx,
  { id, accountId, name, names, chain }: CertificateRecord,
  { order, reason, now }: { order: LeasedOrder; reason: string; now: Date },
): Promise<void> {
  if (accountId === null) return;
  const what = chain === null ? "could not be issued" : "could not be renewed";
  await notify(tx, {
    ...{ accountId, event: "certificate.failed", now, once: `certificate.failed:${id}:${order.id}` },
    subject: `The certificate ${name} ${what}`,
    text: `The certificate ${name} (${names.join(", ")}) ${what}.\n\n${reason}`,
    data: { certificate_id: id, name, names: [...names], reason },
  });
}
