// A distribution on the wire.
import { originToReply } from "../origin/index.ts";
import { certificateToSummary } from "./certificate-reply.ts";
import { settingsOf } from "./configuration.ts";
import type { DistributionReply } from "./schema.ts";
import type { DistributionWithOrigins } from "./state.ts";

const OVER_QUOTA_REASON =
  "The account is over its quota, so viewers get 503: until the quota is raised or the month is over.";

export function distributionToReply(distribution: DistributionWithOrigins): DistributionReply {
  const { record, origins, certificate } = distribution;
  const { isCutOff, status, reason } = standingOf(distribution);
  const hostHeader = record.hostHeader === "" ? (origins[0]?.hostHeader ?? "") : record.hostHeader;
  return {
    id: record.id,
    customer_id: record.accountId,
    domain_id: record.domainId,
    domain: record.domain,
    domain_type: record.domainType,
    cname: record.cname,
    cdn_type: record.cdnType,
    is_cname_valid: record.isCnameValid,
    is_acme_challenge_valid: record.isAcmeChallengeValid,
    ...settingsOf(record),
    host_header: hostHeader,
    sni: record.sni === "" ? hostHeader.replace(/:\d+$/, "") : record.sni,
    certificate_id: record.certificateId,
    certificate: certificate === undefined ? null : certificateToSummary(certificate),
    is_streaming: record.isLivestream,
    version: record.configurationVersion,
    ...{ status, status_reason: reason, is_cut_off: isCutOff },
    providers: [{ name: "gotipath", status, reason }],
    origin: origins.map(originToReply),
    created_by: record.createdBy,
    updated_by: record.updatedBy,
    created_at: record.createdAt.toISOString(),
    updated_at: record.updatedAt.toISOString(),
    deleted_at: record.deletedAt?.toISOString() ?? null,
    gotipath_deleted_at: record.gotipathDeletedAt?.toISOString() ?? null,
  };
}

/** What viewers get; what its owner decided, and how far the edges are with it, shows again when it is cut off no more. */
function standingOf({ record: { status, statusReason, deletedAt }, isCutOff }: DistributionWithOrigins) {
  if (!isCutOff || deletedAt !== null) return { isCutOff: false, status, reason: statusReason };
  return { isCutOff, status: "disabled" as const, reason: OVER_QUOTA_REASON };
}
