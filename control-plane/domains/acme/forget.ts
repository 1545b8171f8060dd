// What ended long ago goes: orders that nobody asks about any more, and buckets that are full again.
import type { Database } from "../../database/transaction.ts";
import { deleteFullBuckets } from "./limit-store.ts";
import { deleteEndedOrders } from "./order-store.ts";

const DAY_MS = 24 * 3_600_000;
const ORDERS_KEPT_MS = 90 * DAY_MS;
/** Longer than any bucket takes to fill. */
const BUCKETS_KEPT_MS = 8 * DAY_MS;

export async function forgetEnded({ db, clock }: { db: Database; clock: () => Date }): Promise<void> {
  const now = clock().getTime();
  await deleteEndedOrders(db, new Date(now - ORDERS_KEPT_MS));
  await deleteFullBuckets(db, new Date(now - BUCKETS_KEPT_MS));
}
