// What customers ask of validations: the newest look at their name, or a new one now.
import { Problem } from "../../../platform/problem.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { delegationTarget } from "../certificate/index.ts";
import { type DistributionRecord, type DomainRecord, findClaim, getLivingDistribution } from "../distribution/index.ts";
import type { Look } from "./look.ts";
import { validatedJustNow } from "./problems.ts";
import { isRenewalStopped } from "./rules.ts";
import type { ValidationReply } from "./schema.ts";
import type { ValidationSecrets } from "./secrets.ts";
import { findValidation, insertValidation, noteAsked, type ValidationRecord } from "./store.ts";
import { verdictOn } from "./verdict.ts";

/** Between two looks at one domain that are asked for. */
const ASKED_EVERY_MS = 5_000;

export type ValidationService = ReturnType<typeof createValidationService>;

export interface ValidationSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly look: Pick<Look, "look">;
  readonly secrets: () => Promise<ValidationSecrets>;
  readonly zone: string;
}

export function createValidationService({ db, clock, look, secrets, zone }: ValidationSettings) {
  async function get(caller: Pick<Caller, "accountId">, id: string): Promise<ValidationReply> {
    const record = await getLivingDistribution(db, caller, id);
    const claim = record.domainId === null ? undefined : await findClaim(db, record.domainId);
    if (claim === undefined) return replyOfOwnName(record);
    const kept = await findValidation(db, claim.id);
    return replyOf(record, claim, { kept, checks: kept?.report ?? (await unseen(record, claim)), now: clock() });
  }

  /** Looks now, for whoever has just changed their DNS. */
  async function validate(caller: Caller, id: string, signal: AbortSignal): Promise<ValidationReply> {
    const { domainId, domain } = await getLivingDistribution(db, caller, id);
    if (domainId !== null) {
      await assertNotJustNow(domainId);
      await look.look(domain, signal);
    }
    return get(caller, id);
  }

  async function assertNotJustNow(domainId: string): Promise<void> {
    const now = clock();
    const since = new Date(now.getTime() - ASKED_EVERY_MS);
    const isNoted = await inTransaction(db, async (tx) => {
      await insertValidation(tx, domainId, now);
      return noteAsked(tx, domainId, { since, now });
    });
    if (isNoted) return;
    const seconds = ASKED_EVERY_MS / 1000;
    throw new Problem(validatedJustNow, `Ask again in ${seconds} s; what was found then is there to be read.`, {
      headers: { "retry-after": String(seconds) },
    });
  }

  /** Which records to add can be told before anybody has looked. */
  async function unseen(record: DistributionRecord, claim: DomainRecord) {
    const { tokenOf } = await secrets();
    const { accountId, name } = claim;
    const observation = { name, probed: name, at: clock(), views: [] };
    const { report } = verdictOn(
      {
        ...claim,
        ...{ cname: record.cname, token: tokenOf(accountId, name), foreign: new Set<string>() },
        delegationTarget: delegationTarget(accountId, name, zone),
      },
      { observation, reached: [], edges: new Set() },
    );
    return { ...report, detail: claim.isServing ? `Nobody has looked at ${name} yet.` : report.detail };
  }

  return { get, validate };
}

function replyOf(
  record: DistributionRecord,
  claim: DomainRecord,
  {
    kept,
    checks: report,
    now,
  }: { kept: ValidationRecord | undefined; checks: NonNullable<ValidationRecord["report"]>; now: Date },
): ValidationReply {
  const isStopped = !claim.isServing || isRenewalStopped({ awaySince: kept?.away_since ?? null }, now);
  return {
    ...flagsOf(record),
    ...{ status: report.status, detail: report.detail, checks: report.checks },
    ...{ is_serving: claim.isServing, proof: claim.proof, renewal: isStopped ? "stopped" : "allowed" },
    checked_at: kept?.checked_at?.toISOString() ?? null,
    next_check_at: (kept?.next_check_at ?? now).toISOString(),
    pointing_since: kept?.pointing_since?.toISOString() ?? null,
    away_since: kept?.away_since?.toISOString() ?? null,
  };
}

function replyOfOwnName(record: DistributionRecord): ValidationReply {
  return {
    ...flagsOf(record),
    ...{ status: "valid", detail: `${record.domain} is the platform's own name: it always leads here.`, checks: [] },
    ...{ is_serving: true, proof: "none", renewal: "allowed", checked_at: null, next_check_at: null },
    ...{ pointing_since: null, away_since: null },
  };
}

function flagsOf({ id, domain, isCnameValid, isAcmeChallengeValid }: DistributionRecord) {
  return {
    ...{ distribution_id: id, domain },
    ...{ is_cname_valid: isCnameValid, is_acme_challenge_valid: isAcmeChallengeValid },
  };
}
