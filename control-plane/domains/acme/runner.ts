// Looks after the orders, beside the queue: an order waits for edges, name servers and an authority, and would keep a place in
// the queue from work that is quickly done. Several workers run this; a lease says who has an order in hand, and runs out
// when its worker dies.
import type { Part } from "../../../platform/lifecycle.ts";
import { withLogContext } from "../../../platform/log.ts";
import { inTransaction } from "../../database/transaction.ts";
import { endsWithin } from "../../jobs/deadline.ts";
import { createWakeUp } from "../../jobs/wake-up.ts";
import { advance } from "./advance.ts";
import type { OrderContext } from "./context.ts";
import { extendLease, type LeasedOrder, leaseOrders, nextDueAt, releaseLease } from "./order-store.ts";

const AT_ONCE_MAX = 16;
const LEASE_MS = 15_000;
const LEASE_EXTENDED_EVERY_MS = 5_000;
/** Another worker may have made an order, or died with one. */
const LOOK_EVERY_MS = 2_000;
const STOP_TIMEOUT_MS = 5_000;
/** More than any order needs in one go: see the patience of each step. */
const GO_MAX_MS = 10 * 60_000;

export interface OrderRunner extends Part {
  /** There may be an order to look after now. */
  wake(): void;
}

export function startOrderRunner(
  context: OrderContext,
  { leaseMs = LEASE_MS, lookEveryMs = LOOK_EVERY_MS }: { leaseMs?: number; lookEveryMs?: number } = {},
): OrderRunner {
  const stop = new AbortController();
  const wakeUp = createWakeUp();
  const running = new Set<Promise<void>>();
  let isFailing = false;

  async function take(): Promise<readonly LeasedOrder[]> {
    const { db, clock, log } = context;
    const limit = AT_ONCE_MAX - running.size;
    if (limit <= 0) return [];
    try {
      const now = clock();
      const until = new Date(now.getTime() + leaseMs);
      const leased = await inTransaction(db, (tx) => leaseOrders(tx, { now, until, limit }));
      isFailing = false;
      return leased;
    } catch (error) {
      if (!isFailing) log.warn({ error }, "orders of certificates cannot be read");
      isFailing = true;
      return [];
    }
  }

  async function look(): Promise<void> {
    while (!stop.signal.aborted) {
      for (const order of await take()) {
        const going = carry(context, order, { leaseMs, stopping: stop.signal }).finally(() => {
          running.delete(going);
          wakeUp.ring();
        });
        running.add(going);
      }
      if (!stop.signal.aborted) await wakeUp.wait(await untilNextMs(context, lookEveryMs));
    }
  }

  const looking = look();
  return {
    name: "certificate orders",
    wake: wakeUp.ring,
    stop: async () => {
      stop.abort(new Error("the worker is stopping"));
      wakeUp.ring();
      await looking;
      await endsWithin(Promise.allSettled(running), STOP_TIMEOUT_MS);
    },
  };
}

async function untilNextMs({ db, clock }: OrderContext, longestMs: number): Promise<number> {
  const at = await nextDueAt(db).catch(() => undefined);
  if (at === undefined) return longestMs;
  return Math.min(Math.max(at.getTime() - clock().getTime(), 10), longestMs);
}

/** Holds the lease while it works, and gives it back. Never throws. */
async function carry(
  context: OrderContext,
  order: LeasedOrder,
  { leaseMs, stopping }: { leaseMs: number; stopping: AbortSignal },
): Promise<void> {
  const { db, clock, log } = context;
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(GO_MAX_MS)]);
  const holding = setInterval(
    () => {
      if (signal.aborted) return;
      // A lease that could not be extended runs out, and the next note says so.
      extendLease(db, order, new Date(clock().getTime() + leaseMs)).catch(() => {});
    },
    Math.min(LEASE_EXTENDED_EVERY_MS, leaseMs / 3),
  );
  try {
    await withLogContext({ order_id: order.id }, () => endsWith(signal, advance(context, order, signal)));
  } catch (error) {
    if (!stopping.aborted)
      log.warn({ error, order_id: order.id }, "an order could not be carried on, and is taken up again");
  } finally {
    clearInterval(holding);
    await releaseLease(db, order).catch(() => {});
  }
}

/** The work, but no longer than the signal lets it: what forgets its signal keeps no place. */
async function endsWith(signal: AbortSignal, work: Promise<void>): Promise<void> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
    work.catch(() => {});
  }
}
