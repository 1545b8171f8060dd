// How a distribution comes into being: its name, its row, its origins, its first version.
import { randomUUID } from "node:crypto";
import { type FieldFault, Problem } from "../../../platform/problem.ts";
import type { Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { assertAccountLives, isCutOff } from "../account/index.ts";
import { insertOrigins, type OriginSettings } from "../origin/index.ts";
import { chooseCertificate, NO_CERTIFICATE } from "./certificate-choice.ts";
import { recordCreation } from "./change.ts";
import { insertClaim } from "./claim-store.ts";
import type { RuleContent } from "./configuration.ts";
import { domainClaimed } from "./jobs.ts";
import { domainAlreadyUsed, tooManyDistributions } from "./problems.ts";
import { insertRules } from "./rollback.ts";
import { canonicalDomain, cnameTarget, generatedSubdomain } from "./rules.ts";
import type { CreateDistributionInput } from "./schema.ts";
import { certificateOf, type DistributionState } from "./state.ts";
import { countToCreate, type DistributionRecord, insertDistribution, type NewColumns } from "./store.ts";

const TOKEN_LENGTH = 12;

export const RIVAL_REASON =
  "The name is served for another account until you prove that it is yours; the cname works already.";

export interface DistributionPlatform {
  readonly zone: string;
  readonly allowPrivateOrigins: boolean;
  /** Of one account. */
  readonly distributionsMax: number;
}

/** A name that a new distribution may have, and what its cname is made from. */
export interface ChosenName {
  readonly token: string;
  readonly domain: string;
  readonly domainType: "custom" | "subdomain";
}

/** The name that the input asks for, or what is wrong with it. */
export function chooseName(
  input: Pick<CreateDistributionInput, "domain" | "domain_type">,
  zone: string,
): ChosenName | { readonly fault: FieldFault } {
  const fault = (detail: string) => ({ fault: { pointer: "/domain", detail } });
  const token = randomUUID().replaceAll("-", "").slice(0, TOKEN_LENGTH);
  if (input.domain_type === "subdomain") {
    if (input.domain !== undefined)
      return fault("must be absent when domain_type is subdomain: the platform makes the name.");
    return { token, domain: generatedSubdomain(token, zone), domainType: "subdomain" };
  }
  if (input.domain === undefined) return fault("is required when domain_type is custom.");
  const name = canonicalDomain(input.domain, zone);
  return typeof name === "string" ? { token, domain: name, domainType: "custom" } : fault(name.fault);
}

/** What a new distribution is made of. */
export interface Birth {
  readonly name: ChosenName;
  readonly columns: NewColumns;
  readonly origins: readonly OriginSettings[];
  readonly rules: readonly RuleContent[];
  readonly action: string;
  readonly now: Date;
}

export async function insertNew(
  tx: Tx,
  caller: Caller,
  { name, columns, origins, rules, action, now }: Birth,
  { zone, distributionsMax }: DistributionPlatform,
): Promise<DistributionState> {
  const id = randomUUID();
  const { accountId, userId } = caller;
  await assertAccountLives(tx, accountId);
  if ((await countToCreate(tx, accountId)) >= distributionsMax) {
    const cure = "Delete one that you no longer need, or ask the operator for more.";
    throw new Problem(tooManyDistributions, `An account may have ${distributionsMax} distributions. ${cure}`);
  }
  const owner = { distributionId: id, accountId, userId, now };
  const claim =
    name.domainType === "custom"
      ? await insertClaim(tx, { id: randomUUID(), name: name.domain, accountId, createdAt: now })
      : null;
  if (claim === undefined) throw new Problem(domainAlreadyUsed, `Another distribution of yours has ${name.domain}.`);
  const served = { ...name, ...NO_CERTIFICATE, isRival: claim !== null && !claim.isServing };
  const chosen = await chooseCertificate(tx, caller, served, { wish: columns, now });
  const record: DistributionRecord = {
    ...{ ...columns, ...chosen.columns },
    ...{ id, accountId, domain: name.domain, domainType: name.domainType, domainId: claim?.id ?? null },
    cname: cnameTarget(name.token, zone),
    // The platform's own names need no look.
    ...{ isCnameValid: claim === null, isAcmeChallengeValid: claim === null },
    status: "pending",
    statusReason: claim === null || claim.isServing ? null : RIVAL_REASON,
    ...{ version: 1, configurationVersion: 1 },
    ...{ createdBy: userId, updatedBy: userId, createdAt: now, updatedAt: now },
    ...{ deletedAt: null, gotipathDeletedAt: null },
  };
  await insertDistribution(tx, record);
  const state = {
    record,
    certificate: await certificateOf(tx, record),
    origins: await insertOrigins(tx, owner, origins),
    rules: await insertRules(tx, owner, rules),
    isCutOff: await isCutOff(tx, accountId),
  };
  await recordCreation(tx, caller, { action, now }, state);
  if (claim !== null) await enqueueJob(tx, domainClaimed, { domain_id: claim.id });
  return state;
}
