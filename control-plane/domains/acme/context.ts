// What every step of an order works with.
import type { Resolver } from "../../../platform/dns/resolver.ts";
import type { ZoneUpdater } from "../../../platform/dns/update.ts";
import type { Logger } from "../../../platform/log.ts";
import type { Seal } from "../../../platform/seal.ts";
import type { AppendSettings } from "../feed/index.ts";
import type { Accounts } from "./account.ts";
import type { Authority } from "./authority.ts";
import type { OrderLimits } from "./limit-rules.ts";
import type { LeasedOrder } from "./order-store.ts";

/** May this account have a certificate for this name, and would the authority find it proven? */
export type Precheck = (
  asked: { readonly accountId: string; readonly name: string },
  signal: AbortSignal,
) => Promise<
  | { readonly ok: true }
  /** Stopped: not to be tried again until somebody says so. */
  | { readonly ok: false; readonly reason: string; readonly isStopped: boolean }
>;

export interface OrderContext extends AppendSettings {
  readonly seal: Seal;
  readonly log: Logger;
  readonly authority: Authority;
  readonly accounts: Accounts;
  readonly resolver: Resolver;
  readonly zone: string;
  /** Undefined: the platform's zone takes no updates, so nothing can be proven by DNS. */
  readonly updater: ZoneUpdater | undefined;
  readonly precheck: Precheck;
  readonly limits: OrderLimits;
  /** The CAA identities of an authority whose directory does not name them. */
  readonly caaIdentities: readonly string[];
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** `now`: the step of the new state may follow at once. */
export type StepOutcome =
  | { readonly next: "now"; readonly order: LeasedOrder }
  | { readonly next: "later"; readonly order: LeasedOrder; readonly ms: number; readonly reason: string | null };

export type Step = (context: OrderContext, order: LeasedOrder, signal: AbortSignal) => Promise<StepOutcome>;

export function on(order: LeasedOrder): StepOutcome {
  return { next: "now", order };
}

/** Thrown where an order cannot succeed: the reason says what to do. */
export class OrderFailure extends Error {
  override readonly name = "OrderFailure";
  readonly retryAfterMs: number | undefined;
  readonly isStopped: boolean;
  /** The authority was not asked. */
  readonly isEarly: boolean;

  constructor(
    reason: string,
    more: { readonly retryAfterMs?: number; readonly isStopped?: boolean; readonly isEarly?: boolean } = {},
  ) {
    super(reason);
    this.retryAfterMs = more.retryAfterMs;
    this.isStopped = more.isStopped ?? false;
    this.isEarly = more.isEarly ?? false;
  }
}
