// A distribution with all that it owns, read as one.
import { Problem } from "../../../platform/problem.ts";
import type { Reads } from "../../database/transaction.ts";
import { isCutOff } from "../account/index.ts";
import { type CertificateSummary, findSummaries } from "../certificate/index.ts";
import { type OriginRecord, originsByDistribution } from "../origin/index.ts";
import { type RuleRecord, rulesByDistribution } from "../rule/index.ts";
import { unknownDistribution } from "./problems.ts";
import type { DistributionRecord } from "./store.ts";

export interface DistributionWithOrigins {
  readonly record: DistributionRecord;
  /** The one that it is served with; undefined: none of its own. */
  readonly certificate: CertificateSummary | undefined;
  readonly origins: readonly OriginRecord[];
  /** Its account is over its quota: see cut-off.ts. */
  readonly isCutOff: boolean;
}

export interface DistributionState extends DistributionWithOrigins {
  /** In the order of their kinds and positions. */
  readonly rules: readonly RuleRecord[];
}

export async function withOrigins(reads: Reads, record: DistributionRecord): Promise<DistributionWithOrigins> {
  const origins = await originsByDistribution(reads, [record.id]);
  return {
    ...{ record, certificate: await certificateOf(reads, record), origins: origins.get(record.id) ?? [] },
    isCutOff: await isCutOff(reads, record.accountId),
  };
}

export async function certificateOf(
  reads: Reads,
  { certificateId: id }: Pick<DistributionRecord, "certificateId">,
): Promise<CertificateSummary | undefined> {
  return id === null ? undefined : (await findSummaries(reads, [id])).get(id);
}

export async function readState(reads: Reads, record: DistributionRecord): Promise<DistributionState> {
  const rules = await rulesByDistribution(reads, [record.id]);
  return { ...(await withOrigins(reads, record)), rules: rules.get(record.id) ?? [] };
}

/** Absent and foreign look the same. */
export function assertOwned(record: DistributionRecord | undefined, accountId: string): DistributionRecord {
  return assertKnown(record?.accountId === accountId ? record : undefined);
}

export function assertKnown<Found>(found: Found | undefined): Found {
  if (found === undefined) throw new Problem(unknownDistribution, "No distribution of this account has this id.");
  return found;
}
