// A distribution on the wire.
import { originToReply } from "../origin/index.ts";
import { certificateToSummary } from "./certificate-reply.ts";
import { settingsOf } from "./configuration.ts";
import type { DistributionReply } from "./schema.ts";
import type { DistributionWithOrigins } from "./state.ts";

export function distributionToReply({ record, origins, certificate }: DistributionWithOrigins): DistributionReply {
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
    status: record.status,
    status_reason: record.statusReason,
    providers: [{ name: "gotipath", status: record.status, reason: record.statusReason }],
    origin: origins.map(originToReply),
    created_by: record.createdBy,
    updated_by: record.updatedBy,
    created_at: record.createdAt.toISOString(),
    updated_at: record.updatedAt.toISOString(),
    deleted_at: record.deletedAt?.toISOString() ?? null,
    gotipath_deleted_at: record.gotipathDeletedAt?.toISOString() ?? null,
  };
}
