// Brings deliveries to their webhooks: beside the queue, since a slow receiver must keep no job waiting. What is due lies in
// the database; several couriers share it by claims, and what a courier had in hand when it died is due again a minute later.
import type { Part } from "../../../platform/lifecycle.ts";
import type { Logger } from "../../../platform/log.ts";
import type { Seal } from "../../../platform/seal.ts";
import type { Database } from "../../database/transaction.ts";
import { createWakeUp } from "../../jobs/wake-up.ts";
import { recordAttempt } from "./attempt.ts";
import { claimDelivery, type DeliveryRecord, updateDelivery } from "./delivery-store.ts";
import { messageOf } from "./message.ts";
import type { Sender } from "./request.ts";
import { findWebhook } from "./webhook-store.ts";

const AT_ONCE = 16;
/** So that one account's slow receivers leave room for the others'. */
const OF_ACCOUNT_AT_ONCE = 4;
/** Longer than a request may take (request.ts). */
const CLAIM_MS = 60_000;
const POLL_MS = 2_000;

export interface CourierSettings {
  readonly db: Database;
  readonly seal: Seal;
  readonly clock: () => Date;
  readonly send: Sender;
  readonly log: Logger;
}

export interface Courier {
  /** There may be something due now. */
  wake(): void;
  start(): Part;
}

export function createCourier(settings: CourierSettings): Courier {
  const { db, clock, log } = settings;
  const wakeUp = createWakeUp();
  const onTheirWay = new Set<Promise<void>>();
  let isFailing = false;

  async function work(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      const claimed = onTheirWay.size < AT_ONCE ? await claimNext(stopping) : undefined;
      if (claimed === undefined) {
        await wakeUp.wait(POLL_MS);
        continue;
      }
      const delivered = deliver(settings, claimed, stopping)
        .catch((error: unknown) => log.warn({ error, delivery: claimed.id }, "a delivery could not be recorded"))
        .finally(() => {
          onTheirWay.delete(delivered);
          wakeUp.ring();
        });
      onTheirWay.add(delivered);
    }
  }

  async function claimNext(stopping: AbortSignal): Promise<DeliveryRecord | undefined> {
    try {
      const now = clock();
      const until = new Date(now.getTime() + CLAIM_MS);
      const claimed = await claimDelivery(db, { now, until, ofAccountMax: OF_ACCOUNT_AT_ONCE });
      isFailing = false;
      return claimed;
    } catch (error) {
      // Once: an outage of an hour is one line.
      if (!isFailing && !stopping.aborted) log.warn({ error }, "deliveries to webhooks cannot be read");
      isFailing = true;
      return undefined;
    }
  }

  return {
    wake: wakeUp.ring,
    start() {
      const stop = new AbortController();
      const ended = work(stop.signal);
      return {
        name: "webhook courier",
        async stop() {
          stop.abort(new Error("the courier is stopping"));
          wakeUp.ring();
          await ended;
          await Promise.all(onTheirWay);
        },
      };
    },
  };
}

async function deliver(
  { db, seal, clock, send }: CourierSettings,
  delivery: DeliveryRecord,
  signal: AbortSignal,
): Promise<void> {
  const startedAt = clock();
  try {
    const webhook = await findWebhook(db, { accountId: delivery.accountId, id: delivery.webhookId });
    if (webhook === undefined) return;
    const answer = await send(messageOf(delivery, webhook, { seal, now: startedAt }), signal);
    await recordAttempt(db, { delivery, answer, startedAt, now: clock() });
  } catch (error) {
    if (!signal.aborted) throw error;
    await letGo(db, delivery);
  }
}

/** For the next courier, at once. */
async function letGo(db: Database, { id }: DeliveryRecord): Promise<void> {
  await db.transaction((tx) => updateDelivery(tx, id, {}));
}
