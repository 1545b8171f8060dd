// The read that the compiler starts from: one distribution with its origins and its claim, as the edge is to have it.
import type { DesiredDistribution, DesiredOrigin } from "../../../edge-templates/index.ts";
import type { Reads } from "../../database/transaction.ts";
import { builtInPolicies } from "../cache-policy/index.ts";
import { type OriginRecord, originsByDistribution } from "../origin/index.ts";
import { type DistributionRecord, findClaim, findDistribution } from "./store.ts";

export type DesiredState =
  | {
      readonly serve: true;
      readonly accountId: string;
      readonly sourceVersion: number;
      readonly distribution: DesiredDistribution;
    }
  | { readonly serve: false; readonly accountId: string; readonly sourceVersion: number };

/** Undefined: there never was such a distribution. Read it inside one snapshot: it is several queries. */
export async function findDesiredDistribution(reads: Reads, id: string): Promise<DesiredState | undefined> {
  const record = await findDistribution(reads, id);
  if (record === undefined) return undefined;
  const source = { accountId: record.accountId, sourceVersion: record.version };
  if (record.deletedAt !== null || record.status === "disabled") return { serve: false, ...source };
  const origins = (await originsByDistribution(reads, [id])).get(id) ?? [];
  const claim = record.domainId === null ? undefined : await findClaim(reads, record.domainId);
  const servesDomain = record.domainType === "subdomain" || claim?.isServing === true;
  return {
    serve: true,
    ...source,
    distribution: {
      id: record.id,
      accountId: record.accountId,
      hosts: servesDomain ? [record.domain, record.cname] : [record.cname],
      isDisabled: false,
      isLivestream: record.isLivestream,
      https: record.enableSsl,
      http2: record.isHttp2,
      http3: record.isHttp3,
      // No certificate covers a customer's domain yet: a redirect would lead to a warning page.
      redirectHttpToHttps: false,
      origins: origins.map((origin) => desiredOrigin(record, origin)),
      balancer: origins[0]?.loadBalancerType ?? "failover",
      cacheRules: builtInPolicies[record.isLivestream ? "livestream" : record.accelerationType].rules,
      headerRules: [],
      redirects: [],
      accessRules: [],
      rateLimits: [],
      cors: null,
      compression: { gzip: true, brotli: true },
    },
  };
}

function desiredOrigin(distribution: DistributionRecord, origin: OriginRecord): DesiredOrigin {
  const hostHeader = distribution.hostHeader === "" ? origin.hostHeader : distribution.hostHeader;
  return {
    id: origin.id,
    scheme: origin.protocol,
    host: bareHost(origin.url),
    port: origin.port,
    hostHeader,
    sni: distribution.sni === "" ? withoutPort(hostHeader) : distribution.sni,
    weight: origin.weight,
    primary: origin.isPrimary,
    isTlsVerified: false,
    connectTimeoutSeconds: 3,
    readTimeoutSeconds: 60,
    healthCheck: null,
    bucket: null,
  };
}

function bareHost(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, "");
}

/** As text: what a row holds may be wrong, and it is the compiler that says so. */
function withoutPort(hostHeader: string): string {
  return hostHeader.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}
