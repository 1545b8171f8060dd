// The read that the compiler starts from: one distribution with all that it owns and its claim, as the edge is to have it.
import type { DesiredDistribution, DesiredHealthCheck, DesiredOrigin } from "../../../edge-templates/index.ts";
import type { Reads } from "../../database/transaction.ts";
import { findPolicyRules } from "../cache-policy/index.ts";
import {
  type CertificateSummary,
  covers,
  findPlatformCertificates,
  findServed,
  type ServedCertificate,
} from "../certificate/index.ts";
import type { OriginRecord } from "../origin/index.ts";
import { desiredRules } from "../rule/index.ts";
import { findClaim } from "./claim-store.ts";
import type { Cors, Hsts } from "./schema.ts";
import { type DistributionState, readState } from "./state.ts";
import { type DistributionRecord, findDistribution } from "./store.ts";

export type DesiredState =
  | {
      readonly serve: true;
      readonly accountId: string;
      readonly sourceVersion: number;
      /** The edge groups that it is kept to; null: all of them. */
      readonly edgeGroupIds: readonly string[] | null;
      readonly distribution: DesiredDistribution;
      /** What its edges are to show; null: none of its own. */
      readonly certificate: ServedCertificate | null;
    }
  | { readonly serve: false; readonly accountId: string; readonly sourceVersion: number };

/** Undefined: there never was such a distribution. Read it inside one snapshot: it is several queries. */
export async function findDesiredDistribution(reads: Reads, id: string): Promise<DesiredState | undefined> {
  const record = await findDistribution(reads, id);
  if (record === undefined) return undefined;
  const source = { accountId: record.accountId, sourceVersion: record.version };
  if (record.deletedAt !== null) return { serve: false, ...source };
  const { edgeGroupIds } = record;
  return {
    serve: true,
    ...source,
    edgeGroupIds,
    certificate: await shownFor(reads, record),
    distribution: await desiredDistribution(reads, await readState(reads, record)),
  };
}

export async function desiredDistribution(
  reads: Reads,
  { record, certificate, origins, rules, isCutOff }: DistributionState,
): Promise<DesiredDistribution> {
  const own = desiredRules(rules);
  return {
    id: record.id,
    accountId: record.accountId,
    hosts: await servedHosts(reads, record),
    isDisabled: record.status === "disabled" || isCutOff,
    isOverQuota: isCutOff,
    isLivestream: record.isLivestream,
    https: record.enableSsl,
    http2: record.isHttp2,
    http3: record.isHttp3,
    // Without a certificate, a redirect would lead to a warning page.
    redirectHttpToHttps:
      record.isRedirectHttpToHttps && record.enableSsl && (await isCovered(reads, record, certificate)),
    origins: origins.map((origin) => desiredOrigin(record, origin)),
    balancer: origins[0]?.loadBalancerType ?? "failover",
    ...own,
    cacheRules: [...own.cacheRules, ...(await findPolicyRules(reads, policyOf(record)))],
    cors: record.cors === null ? null : desiredCors(record.cors),
    hsts: record.hsts === null ? null : desiredHsts(record.hsts),
    compression: record.compression,
  };
}

async function servedHosts(reads: Reads, record: DistributionRecord): Promise<readonly string[]> {
  if (record.domainType === "subdomain") return [record.domain, record.cname];
  const claim = record.domainId === null ? undefined : await findClaim(reads, record.domainId);
  return claim?.isServing === true ? [record.domain, record.cname] : [record.cname];
}

/** Until the one that it names is issued: the one from before. */
async function shownFor(
  reads: Reads,
  { certificateId, formerCertificateId }: DistributionRecord,
): Promise<ServedCertificate | null> {
  const named = certificateId === null ? null : await findServed(reads, certificateId);
  if (named !== null || formerCertificateId === null) return named;
  return findServed(reads, formerCertificateId);
}

async function isCovered(
  reads: Reads,
  record: DistributionRecord,
  own: CertificateSummary | undefined,
): Promise<boolean> {
  const { domain, domainType, formerCertificateId } = record;
  if (domainType === "subdomain") {
    const platform = await findPlatformCertificates(reads);
    return platform.some(({ status, names }) => status === "active" && covers(names, domain));
  }
  if (own?.status === "active" || formerCertificateId === null)
    return own?.status === "active" && covers(own.names, domain);
  const shown = await shownFor(reads, record);
  return shown !== null && covers(shown.names, domain);
}

function policyOf({ accountId, cachePolicyId: policyId, accelerationType, isLivestream }: DistributionRecord) {
  return { accountId, policyId, accelerationType, isLivestream };
}

function desiredOrigin(distribution: DistributionRecord, origin: OriginRecord): DesiredOrigin {
  const bucket = desiredBucket(origin);
  // Requests to a bucket are signed for its own host.
  const isOwnHost = distribution.hostHeader === "" || bucket !== null;
  const hostHeader = isOwnHost ? origin.hostHeader : distribution.hostHeader;
  return {
    id: origin.id,
    scheme: origin.protocol,
    host: bareHost(origin.url),
    port: origin.port,
    hostHeader,
    sni: distribution.sni === "" || bucket !== null ? withoutPort(hostHeader) : distribution.sni,
    isTlsVerified: origin.isTlsVerified,
    weight: origin.weight,
    primary: origin.isPrimary,
    connectTimeoutSeconds: origin.connectTimeoutSeconds,
    readTimeoutSeconds: origin.readTimeoutSeconds,
    healthCheck: desiredHealthCheck(origin),
    bucket,
  };
}

function desiredBucket(origin: OriginRecord): DesiredOrigin["bucket"] {
  const {
    s3BucketName: name,
    s3Region: region,
    s3Style: style,
    s3AccessKeyId: accessKeyId,
    s3SecretId: secretId,
  } = origin;
  if (origin.type !== "s3") return null;
  if (name === null || region === null || style === null || accessKeyId === null || secretId === null) {
    throw new Error(`the S3 origin ${origin.id} is not whole`);
  }
  return { name, region, style, accessKeyId, secretId };
}

function desiredHealthCheck({ healthCheck: check }: OriginRecord): DesiredHealthCheck | null {
  if (check === null) return null;
  return {
    path: check.path,
    intervalSeconds: check.interval_seconds,
    timeoutSeconds: check.timeout_seconds,
    statuses: check.statuses.map((range) => ({ from: Number(range.slice(0, 3)), to: Number(range.slice(-3)) })),
    healthyAfter: check.healthy_after,
    unhealthyAfter: check.unhealthy_after,
  };
}

function desiredCors(cors: Cors): DesiredDistribution["cors"] {
  return {
    allowOrigins: cors.allow_origins,
    allowMethods: cors.allow_methods,
    allowHeaders: cors.allow_headers,
    exposeHeaders: cors.expose_headers,
    maxAgeSeconds: cors.max_age_seconds,
    allowCredentials: cors.allow_credentials,
  };
}

function desiredHsts(hsts: Hsts): DesiredDistribution["hsts"] {
  return {
    maxAgeSeconds: hsts.max_age_seconds,
    includeSubdomains: hsts.include_subdomains,
    preload: hsts.preload,
  };
}

function bareHost(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, "");
}

/** As text: what a row holds may be wrong, and it is the compiler that says so. */
function withoutPort(hostHeader: string): string {
  return hostHeader.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}
