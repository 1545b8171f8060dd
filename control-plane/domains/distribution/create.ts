// How a distribution comes into being: its name, its row, its origins, its first version.
import { randomUUID } from "node:crypto";
import { type FieldFault, Problem } from "../../../platform/problem.ts";
import type { Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { type OriginSettings, replaceOrigins } from "../origin/index.ts";
import { recordCreation } from "./change.ts";
import { domainAlreadyUsed } from "./problems.ts";
import { canonicalDomain, cnameTarget, generatedSubdomain } from "./rules.ts";
import type { CreateDistributionInput } from "./schema.ts";
import type { DistributionState } from "./state.ts";
import { type DistributionRecord, insertClaim, insertDistribution } from "./store.ts";

const TOKEN_LENGTH = 12;

export const RIVAL_REASON =
  "The name is served for another account until you prove that it is yours; the cname works already.";

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

export type NewColumns = Pick<
  DistributionRecord,
  | "label"
  | "description"
  | "cdnType"
  | "accelerationType"
  | "originType"
  | "hostHeader"
  | "sni"
  | "isHttp2"
  | "isHttp3"
  | "enableSsl"
  | "isLivestream"
  | "isRedirectHttpToHttps"
  | "cachePolicyId"
  | "cors"
  | "compression"
>;

/** Writes all of it; `beside` writes what else belongs to it, before the first version is recorded. */
export async function insertNew(
  tx: Tx,
  caller: Caller,
  {
    name,
    columns,
    zone,
    now,
    action,
  }: { name: ChosenName; columns: NewColumns; zone: string; now: Date; action: string },
  origins: readonly OriginSettings[],
  beside: (id: string) => Promise<void> = async () => {},
): Promise<DistributionState> {
  const id = randomUUID();
  const owner = { accountId: caller.accountId, createdAt: now };
  const claim =
    name.domainType === "custom" ? await insertClaim(tx, { id: randomUUID(), name: name.domain, ...owner }) : null;
  if (claim === undefined) throw new Problem(domainAlreadyUsed, `Another distribution of yours has ${name.domain}.`);
  await insertDistribution(tx, {
    ...owner,
    ...columns,
    id,
    domainId: claim?.id ?? null,
    domain: name.domain,
    domainType: name.domainType,
    cname: cnameTarget(name.token, zone),
    status: "pending",
    statusReason: claim === null || claim.isServing ? null : RIVAL_REASON,
    version: 1,
    configurationVersion: 0,
    createdBy: caller.userId,
    updatedBy: caller.userId,
    updatedAt: now,
    deletedAt: null,
    gotipathDeletedAt: null,
  });
  await replaceOrigins(tx, { distributionId: id, accountId: caller.accountId, userId: caller.userId, now }, origins);
  await beside(id);
  return recordCreation(tx, caller, { id, action, now });
}
