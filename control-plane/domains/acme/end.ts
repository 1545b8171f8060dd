// How an order ends, in the transaction that says so: its names are free, its key is forgotten. What it published is withdrawn
// afterwards (challenge.ts).
import type { Tx } from "../../database/transaction.ts";
import { type LeasedOrder, type OrderState, releaseNames, updateOrder } from "./order-store.ts";

export async function endOrder(
  tx: Tx,
  order: LeasedOrder,
  { state, reason = null, now }: { state: OrderState; reason?: string | null; now: Date },
): Promise<LeasedOrder> {
  const ended = await updateOrder(tx, order, {
    ...{ state, reason, endedAt: now, nextAt: now, stumbles: 0 },
    ...{ sealed: null, csr: null },
  });
  await releaseNames(tx, [order.id], now);
  return ended;
}
