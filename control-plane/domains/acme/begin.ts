// The order itself: killed between the authority's answer and our note of it, another is made, which costs one of many.
import { type OrderContext, on, type StepOutcome } from "./context.ts";
import { type LeasedOrder, updateOrder } from "./order-store.ts";
import { AuthorityRefusal, meaningOf } from "./refusal.ts";

export async function begin(context: OrderContext, order: LeasedOrder, signal: AbortSignal): Promise<StepOutcome> {
  const { db, accounts } = context;
  const { account } = await accounts.open(signal);
  try {
    const { url: orderUrl } = await account.createOrder(order, signal);
    return on(await updateOrder(db, order, { state: "challenging", orderUrl, stumbles: 0 }));
  } catch (error) {
    // RFC 9773 §5: an authority may refuse an order for what it replaces alone, and one that forgot its past does.
    if (order.replaces === null || !isAboutReplacing(error)) throw error;
    return on(await updateOrder(db, order, { replaces: null }));
  }
}

function isAboutReplacing(error: unknown): boolean {
  if (!(error instanceof AuthorityRefusal)) return false;
  const meaning = meaningOf(error);
  return meaning === "replaced" || (meaning !== "account" && (error.status < 429 || error.status >= 500));
}
