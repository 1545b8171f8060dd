// Before an authority is asked: is there somebody to ask, is every name provable, does nothing forbid it, is it this order's turn?
// What can be found out here costs none of the authority's limits.
import pLimit from "p-limit";
import { inTransaction } from "../../database/transaction.ts";
import { type CertificateRecord, findCertificate, recordIssueWait } from "../certificate/index.ts";
import { findAccount } from "./account-store.ts";
import { findCaaRefusal } from "./caa.ts";
import { type OrderContext, OrderFailure, on, type StepOutcome } from "./context.ts";
import { isDelegated } from "./dns-proof.ts";
import { endOrder } from "./end.ts";
import { limitsOf, reasonToWait } from "./limit-rules.ts";
import { takeTokens } from "./limit-store.ts";
import { holdNames, type LeasedOrder, updateOrder } from "./order-store.ts";
import type { Method } from "./words.ts";

/** Another order ends sooner, and then says so. */
const NAME_WAIT_MS = 30_000;
const WAIT_MAX_MS = 3_600_000;
const REASONS_MAX = 3;
/** Of one order: who is asked about all of its names may be one small server. */
const NAMES_AT_ONCE = 4;

/** Nothing of the transaction stays: it is not this order's turn. */
class NotYet extends Error {
  override readonly name = "NotYet";
  readonly waitMs: number;

  constructor(reason: string, waitMs: number) {
    super(reason);
    this.waitMs = waitMs;
  }
}

export async function prepare(context: OrderContext, order: LeasedOrder, signal: AbortSignal): Promise<StepOutcome> {
  const { db, clock } = context;
  const certificate = await findCertificate(db, order.certificateId);
  if (certificate === undefined || certificate.deletedAt !== null) {
    const ended = await inTransaction(db, (tx) => endOrder(tx, order, { state: "withdrawn", now: clock() }));
    return on(ended);
  }
  const methods = await planMethods(context, certificate, order.names, signal);
  await assertCaaAllows(context, methods, signal);
  try {
    return on(await takeTurn(context, order, { methods, accountId: certificate.accountId }));
  } catch (error) {
    if (!(error instanceof NotYet)) throw error;
    const { message: reason, waitMs } = error;
    await inTransaction(db, (tx) => recordIssueWait(tx, { certificateId: order.certificateId, reason, now: clock() }));
    return { next: "later", order, ms: Math.min(waitMs, WAIT_MAX_MS), reason };
  }
}

type Methods = Readonly<Record<string, Method>>;

async function planMethods(
  context: OrderContext,
  certificate: CertificateRecord,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Methods> {
  const fewAtOnce = pLimit(NAMES_AT_ONCE);
  const plans = await Promise.all(names.map((name) => fewAtOnce(() => planFor(context, certificate, name, signal))));
  const refused = plans.flatMap((plan) => ("reason" in plan ? [plan] : []));
  if (refused.length > 0) {
    const reason = [...new Set(refused.map((plan) => plan.reason))].slice(0, REASONS_MAX).join(" ");
    throw new OrderFailure(reason, { isStopped: refused.some(({ isStopped }) => isStopped), isEarly: true });
  }
  return Object.fromEntries(plans.flatMap((plan) => ("method" in plan ? [[plan.name, plan.method]] : [])));
}

type Plan =
  | { readonly name: string; readonly method: Method }
  | { readonly reason: string; readonly isStopped: boolean };

async function planFor(
  context: OrderContext,
  { accountId }: CertificateRecord,
  name: string,
  signal: AbortSignal,
): Promise<Plan> {
  const { precheck, resolver, zone, updater } = context;
  const isWildcard = name.startsWith("*.");
  if (updater === undefined && (isWildcard || accountId === null))
    return {
      reason: `Certificates for ${name} are proven by DNS: the operator of this platform has to set ACME_DNS_SERVER and ACME_DNS_TSIG.`,
      isStopped: false,
    };
  if (accountId === null) return { name, method: "dns-01" };
  const checked = await precheck({ accountId, name }, signal);
  if (checked.ok) return { name, method: isWildcard ? "dns-01" : "http-01" };
  // A name that leads elsewhere may be proven all the same, where its owner has delegated that.
  const mayDelegate = updater !== undefined && !isWildcard && !checked.isStopped;
  if (mayDelegate && (await isDelegated(resolver, { name, accountId, zone }, signal)))
    return { name, method: "dns-01" };
  // One of many names: which?
  const reason = checked.reason.includes(name) ? checked.reason : `${name}: ${checked.reason}`;
  return { reason, isStopped: checked.isStopped };
}

async function assertCaaAllows(context: OrderContext, methods: Methods, signal: AbortSignal): Promise<void> {
  const { db, authority, resolver } = context;
  const { meta } = await authority.directory(signal);
  const identities = meta.caaIdentities.length > 0 ? meta.caaIdentities : context.caaIdentities;
  const accountUrl = (await findAccount(db, authority.settings.directoryUrl))?.url;
  const fewAtOnce = pLimit(NAMES_AT_ONCE);
  const refusals = await Promise.all(
    Object.entries(methods).map(([name, method]) =>
      fewAtOnce(() => findCaaRefusal(resolver, { name, method, identities, accountUrl }, signal)),
    ),
  );
  const reasons = refusals.flatMap((refusal) => refusal ?? []);
  if (reasons.length > 0)
    throw new OrderFailure([...new Set(reasons)].slice(0, REASONS_MAX).join(" "), { isEarly: true });
}

/** The names are this order's, and what it costs is paid, once for all attempts that follow. */
async function takeTurn(
  context: OrderContext,
  order: LeasedOrder,
  { methods, accountId }: { methods: Methods; accountId: string | null },
): Promise<LeasedOrder> {
  const { db, clock, limits } = context;
  return inTransaction(db, async (tx) => {
    if (!(await holdNames(tx, order)))
      throw new NotYet("Another certificate for one of its names is being ordered; this one is next.", NAME_WAIT_MS);
    const short = await takeTokens(tx, limitsOf(order, accountId, limits), clock());
    if (short !== undefined) throw new NotYet(reasonToWait(short.limit, short.waitMs), short.waitMs);
    return updateOrder(tx, order, { state: "ordering", methods, stumbles: 0, reason: null });
  });
}
