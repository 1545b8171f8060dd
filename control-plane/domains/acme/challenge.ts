// Proving the names: what the authority is to find is noted, published, seen to be there, and only then is the authority told.
import { randomUUID } from "node:crypto";
import { findCertificate } from "../certificate/index.ts";
import type { AuthorityAccount, Authorization } from "./authority.ts";
import { type OrderContext, OrderFailure, on, type StepOutcome } from "./context.ts";
import {
  askedNameOf,
  type DnsAnswer,
  publishInZone,
  recordNameOf,
  resolverShows,
  withdrawFromZone,
} from "./dns-proof.ts";
import { edgesHave, type HttpAnswer, publishInFeeds, publishInNewGroups, withdrawFromFeeds } from "./http-proof.ts";
import { type ChallengeAnswer, type LeasedOrder, updateOrder } from "./order-store.ts";
import { assertStillOwn } from "./ownership.ts";
import { lookUntil } from "./patience.ts";
import { type Method, reasonOfChallenge } from "./words.ts";

const JUDGING_PATIENCE = { firstMs: 150, longestMs: 10_000, totalMs: 60_000 };
const LATER_MS = 15_000;
const FAULTS_TOLD_MAX = 3;

export async function proveNames(context: OrderContext, order: LeasedOrder, signal: AbortSignal): Promise<StepOutcome> {
  await assertStillOwn(context, order);
  const { account } = await context.accounts.open(signal);
  const remote = (await account.findOrder(order.orderUrl ?? "", signal)).value;
  if (["ready", "processing", "valid"].includes(remote.status)) return on(await proven(context, order));
  const authorizations = (await account.findAuthorizations(remote.authorizations, signal)).value;
  await assertNoneFailed(order, account, authorizations, signal);
  const open = authorizations.filter(({ status }) => status === "pending").map((one) => openChallenge(order, one));
  const published = await publish(context, order, account, open, signal);
  for (const { challenge } of open) {
    if (challenge.status === "pending") await account.answerChallenge(challenge.url, signal);
  }
  const isJudged = await lookUntil(JUDGING_PATIENCE, signal, async () => {
    await publishInNewGroups(context, httpAnswers(published.answers));
    const { value, retryAfterMs } = await account.findAuthorizations(remote.authorizations, signal);
    await assertNoneFailed(published, account, value, signal);
    return value.every(({ status }) => status === "valid") ? { found: true } : { againMs: retryAfterMs };
  });
  if (isJudged) return on(await proven(context, published));
  return { next: "later", order: published, ms: LATER_MS, reason: "The certificate authority is verifying the names." };
}

function proven({ db }: OrderContext, order: LeasedOrder): Promise<LeasedOrder> {
  return updateOrder(db, order, { state: "finalizing", stumbles: 0 });
}

interface OpenChallenge {
  readonly name: string;
  readonly method: Method;
  readonly challenge: Authorization["challenges"][number];
  readonly token: string;
}

/** As the customer writes it, with the wildcard's label. */
function nameOf({ identifier, wildcard }: Authorization): string {
  return wildcard ? `*.${identifier.value}` : identifier.value;
}

function openChallenge(order: LeasedOrder, authorization: Authorization): OpenChallenge {
  const name = nameOf(authorization);
  const method = order.methods[name];
  if (method === undefined)
    throw new OrderFailure(`The certificate authority asks for a proof of ${name}, which this certificate is not for.`);
  const challenge = authorization.challenges.find(({ type }) => type === method);
  if (challenge?.token === undefined)
    throw new OrderFailure(
      `The certificate authority offers no ${method} challenge for ${name}: the operator of this platform has to choose another one.`,
    );
  return { name, method, challenge, token: challenge.token };
}

/** The note comes first: what was published is withdrawn, whoever is killed when. */
async function publish(
  context: OrderContext,
  order: LeasedOrder,
  account: AuthorityAccount,
  open: readonly OpenChallenge[],
  signal: AbortSignal,
): Promise<LeasedOrder> {
  const { db, resolver, updater } = context;
  const answers = await answersTo(context, order, account, open);
  const noted = await updateOrder(db, order, { answers, isPublished: true });
  const byHttp = httpAnswers(answers);
  const byDns = dnsAnswers(answers);
  await publishInFeeds(context, byHttp);
  if (updater !== undefined) await publishInZone(updater, byDns, signal);
  await Promise.all([edgesHave(context, byHttp, signal), resolverShows(resolver, byDns, signal)]);
  return noted;
}

/** Those that an earlier attempt noted are kept: they may be published already. */
async function answersTo(
  { db, zone }: OrderContext,
  order: LeasedOrder,
  account: AuthorityAccount,
  open: readonly OpenChallenge[],
): Promise<readonly ChallengeAnswer[]> {
  const accountId = (await findCertificate(db, order.certificateId))?.accountId ?? null;
  const added: ChallengeAnswer[] = [];
  for (const { name, method, token } of open) {
    const proof = await account.proofOf(method, token);
    if (order.answers.some((answer) => answer.proof === proof)) continue;
    if (method === "http-01") added.push({ method, recordId: randomUUID(), token, proof });
    else added.push({ method, asked: askedNameOf(name), record: recordNameOf(name, accountId, zone), proof });
  }
  return [...order.answers, ...added];
}

/** Everything that the order published is gone afterwards, from feeds and zone. */
export async function withdrawAnswers(
  context: OrderContext,
  order: LeasedOrder,
  signal: AbortSignal,
): Promise<LeasedOrder> {
  await withdrawFromFeeds(context, httpAnswers(order.answers));
  if (context.updater !== undefined) await withdrawFromZone(context.updater, dnsAnswers(order.answers), signal);
  return updateOrder(context.db, order, { answers: [], isPublished: false });
}

function httpAnswers(answers: readonly ChallengeAnswer[]): readonly HttpAnswer[] {
  return answers.flatMap((answer) => (answer.method === "http-01" ? [answer] : []));
}

function dnsAnswers(answers: readonly ChallengeAnswer[]): readonly DnsAnswer[] {
  return answers.flatMap((answer) => (answer.method === "dns-01" ? [answer] : []));
}

/** Throws what was wrong with which name. */
async function assertNoneFailed(
  order: LeasedOrder,
  account: AuthorityAccount,
  authorizations: readonly Authorization[],
  signal: AbortSignal,
): Promise<void> {
  const failed = authorizations.filter(({ status }) => !["pending", "valid"].includes(status));
  if (failed.length === 0) return;
  for (const pending of authorizations.filter(({ status }) => status === "pending")) {
    // Best effort: it runs out by itself.
    await account.deactivate(pending, signal).catch(() => {});
  }
  throw new OrderFailure(
    failed
      .slice(0, FAULTS_TOLD_MAX)
      .map((one) => faultOf(order, one))
      .join(" "),
  );
}

function faultOf(order: LeasedOrder, authorization: Authorization): string {
  const name = nameOf(authorization);
  const fault = authorization.challenges.find(({ error }) => error !== undefined)?.error;
  if (fault === undefined) return `The proof of ${name} is ${authorization.status}; it is asked for again.`;
  return reasonOfChallenge(name, order.methods[name] ?? "http-01", fault);
}
