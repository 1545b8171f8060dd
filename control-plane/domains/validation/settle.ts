// What a look at a name changes, in one transaction under the name's lock: what is proven, whom the name is served for, what
// each claim on it is told, and when it is looked at next. An older look that ends later changes nothing.
import type { Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { certificateWanted, delegationTarget } from "../certificate/index.ts";
import {
  findTargetOwners,
  findWildcardClaims,
  type HeldClaim,
  lockClaimsOn,
  moveClaim,
  recordValidation,
  updateClaim,
} from "../distribution/index.ts";
import { tell } from "./notices.ts";
import { type Agreement, foreignAmong, leadsTo, type Observation, targetsIn } from "./observation.ts";
import { findWaitingCertificates } from "./read-model.ts";
import { tokenText } from "./records.ts";
import { type Contender, nextLookMs, type Presence, presenceAfter, proofOf, servingOf } from "./rules.ts";
import { insertValidation, lockValidations, updateValidation, type ValidationRecord } from "./store.ts";
import { type Seen, verdictOn } from "./verdict.ts";

export interface SettleSettings {
  readonly zone: string;
  readonly tokenOf: (accountId: string, name: string) => string;
}

export async function settle(tx: Tx, { zone, tokenOf }: SettleSettings, seen: Seen, now: Date): Promise<void> {
  const { name, at } = seen.observation;
  const before = await lockClaimsOn(tx, name);
  for (const { id } of before) await insertValidation(tx, id, now);
  const validations = await lockValidations(
    tx,
    before.map(({ id }) => id),
  );
  if ([...validations.values()].some(({ checked_at: last }) => last !== null && last > at)) return;
  const claims = await settleProofs(tx, before, { seen, tokenOf, now });
  const moved = await settleService(tx, claims, seen.observation, now);
  const owners = await findTargetOwners(tx, targetsIn(seen.observation));
  for (const claim of moved) {
    const last = validations.get(claim.id);
    if (last === undefined || claim.isLeaving) continue;
    const foreign = foreignAmong(owners, claim.accountId);
    await settleOne(tx, { claim, last, zone, foreign, token: tokenOf(claim.accountId, name) }, seen, now);
  }
}

async function settleProofs(
  tx: Tx,
  claims: readonly HeldClaim[],
  { seen, tokenOf, now }: { seen: Seen; tokenOf: SettleSettings["tokenOf"]; now: Date },
): Promise<readonly HeldClaim[]> {
  const settled: HeldClaim[] = [];
  for (const claim of claims) {
    const { id, accountId, name, cname } = claim;
    const proof = proofOf(seen.observation, { cname, token: tokenText(tokenOf(accountId, name)) }, claim.proof);
    if (proof === claim.proof) {
      settled.push(claim);
      continue;
    }
    const changes = { proof, provenAt: proof === "none" ? null : now };
    await updateClaim(tx, id, changes);
    settled.push({ ...claim, ...changes });
  }
  return settled;
}

/** A distribution that is going keeps its name until the edges have let go of it; then its heir gets it. */
async function settleService(
  tx: Tx,
  claims: readonly HeldClaim[],
  observation: Observation,
  now: Date,
): Promise<readonly HeldClaim[]> {
  if (claims.some(({ isLeaving, isServing }) => isLeaving && isServing)) return claims;
  const living = claims.filter(({ isLeaving }) => !isLeaving);
  const over = await wildcardContenders(tx, living, observation);
  const winner = servingOf<Contender>([...living, ...over]);
  const winnerId = living.find(({ id }) => id === winner?.id)?.id;
  const { lost, won } = await moveClaim(tx, { claims: living, winnerId, now });
  for (const claim of lost) await tell(tx, "domain.lost", claim, now);
  for (const claim of won) await tell(tx, "domain.won", claim, now);
  return claims.map((claim) => ({ ...claim, isServing: claim.id === winnerId }));
}

/** A wildcard of an account that has not claimed the name itself stands against those who have. */
async function wildcardContenders(
  tx: Tx,
  claims: readonly HeldClaim[],
  { name, views }: Observation,
): Promise<readonly Contender[]> {
  const own = new Set(claims.map(({ accountId }) => accountId));
  const over = await findWildcardClaims(tx, name);
  const isServed = claims.some(({ isServing }) => isServing);
  return over
    .filter(({ accountId }) => !own.has(accountId))
    .map((claim) => {
      const led = views.map((view) => leadsTo(view.chain, claim.cname)).filter((one) => one !== undefined);
      const isLedHere = led.length > 0 && led.every(Boolean);
      // A CNAME counts for a name that it leads from; what proves the wildcard itself is worth a token to names below it.
      const proof = isLedHere ? "cname" : claim.proof === "none" ? "none" : "token";
      return { ...claim, proof, isServing: !isServed };
    });
}

interface One {
  readonly claim: HeldClaim;
  readonly last: ValidationRecord;
  readonly zone: string;
  readonly token: string;
  readonly foreign: ReadonlySet<string>;
}

async function settleOne(tx: Tx, { claim, last, zone, token, foreign }: One, seen: Seen, now: Date): Promise<void> {
  const { id, accountId, name, isServing, distributionId: owner } = claim;
  const target = delegationTarget(accountId, name, zone);
  const verdict = verdictOn({ ...claim, token, foreign, delegationTarget: target }, seen);
  const isCnameValid = isServing && holds(verdict.pointing.agreement, claim.isCnameValid);
  const isAcmeChallengeValid = isServing && holds(verdict.acme, claim.isAcmeChallengeValid);
  if (isCnameValid !== claim.isCnameValid || isAcmeChallengeValid !== claim.isAcmeChallengeValid) {
    await recordValidation(tx, owner, { isCnameValid, isAcmeChallengeValid });
  }
  const presence = await settlePresence(tx, claim, { last, agreement: verdict.pointing.agreement, now });
  const isWell = isServing && verdict.pointing.agreement === "yes" && verdict.acme === "yes";
  const failures = isWell ? 0 : last.failures + 1;
  // Whatever it waited for may have been this.
  if (isWell && !(claim.isCnameValid && claim.isAcmeChallengeValid)) await wakeCertificates(tx, claim, now);
  await updateValidation(tx, id, {
    checked_at: seen.observation.at,
    next_check_at: new Date(now.getTime() + nextLookMs(failures)),
    failures,
    pointing_since: presence.pointingSince,
    away_since: presence.awaySince,
    warned_at: presence.warnedAt,
    report: verdict.report,
  });
}

function holds(agreement: Agreement, before: boolean): boolean {
  return agreement === "yes" || (agreement !== "no" && before);
}

const NEVER_HERE: Presence = { pointingSince: null, awaySince: null, warnedAt: null };

/** Where somebody else is served, it says nothing about this claim where the name leads. */
async function settlePresence(
  tx: Tx,
  claim: HeldClaim,
  { last, agreement, now }: { last: ValidationRecord; agreement: Agreement; now: Date },
): Promise<Presence> {
  if (!claim.isServing) return NEVER_HERE;
  const before = { pointingSince: last.pointing_since, awaySince: last.away_since, warnedAt: last.warned_at };
  const { presence, event } = presenceAfter(before, agreement, now);
  if (event === "warn") await tell(tx, "domain.not-pointing", claim, now);
  if (event === "returned" && before.warnedAt !== null) await tell(tx, "domain.pointing", claim, now);
  return presence;
}

async function wakeCertificates(tx: Tx, { accountId, name }: HeldClaim, now: Date): Promise<void> {
  for (const id of await findWaitingCertificates(tx, { accountId, name, now })) {
    await enqueueJob(tx, certificateWanted, { certificate_id: id });
  }
}
