// Edges answer challenges for every host, and an authority may remember a proof for weeks: whose a name is by now, only we know.
import { findCertificate } from "../certificate/index.ts";
import { findForeignClaim } from "../distribution/index.ts";
import { type OrderContext, OrderFailure } from "./context.ts";
import type { LeasedOrder } from "./order-store.ts";

/** Asked again between the steps: a claim may have moved while the order waited. */
export async function assertStillOwn({ db }: OrderContext, { certificateId, names }: LeasedOrder): Promise<void> {
  const accountId = (await findCertificate(db, certificateId))?.accountId ?? null;
  if (accountId === null) return;
  for (const name of names) {
    if ((await findForeignClaim(db, { accountId, name })) === undefined) continue;
    throw new OrderFailure(
      `${name} is served for another account by now; the validation of the distribution says how to prove that it is yours.`,
      { isStopped: true },
    );
  }
}
