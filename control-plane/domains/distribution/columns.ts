// Between the words of the API and the columns of a distribution's row. No input or output.

import type { CreateDistributionInput, PatchDistributionInput } from "./schema.ts";
import type { NewColumns } from "./store.ts";

export function columnsOfInput(input: CreateDistributionInput, domain: string): NewColumns {
  return {
    label: input.label ?? domain,
    description: input.description,
    cdnType: input.type,
    accelerationType: input.acceleration_type,
    originType: originType(input.origin_type),
    hostHeader: input.host_header ?? "",
    sni: input.sni ?? "",
    isHttp2: input.is_http2,
    isHttp3: input.is_http3,
    enableSsl: input.enable_ssl,
    isLivestream: input.is_livestream,
    isRedirectHttpToHttps: input.is_redirect_http_to_https,
    cachePolicyId: input.cache_policy_id,
    cors: input.cors,
    hsts: input.hsts,
    compression: input.compression,
    edgeGroupIds: input.edge_group_ids,
    leIssue: input.le_issue,
    certificateId: input.certificate_id,
  };
}

/** What the patch names; null returns host_header and sni to their defaults. */
export function columnsOfPatch(input: PatchDistributionInput): Partial<NewColumns> {
  const columns = {
    label: input.label,
    description: input.description,
    accelerationType: input.acceleration_type,
    originType: input.origin_type && originType(input.origin_type),
    hostHeader: input.host_header === null ? "" : input.host_header,
    sni: input.sni === null ? "" : input.sni,
    isHttp2: input.is_http2,
    isHttp3: input.is_http3,
    enableSsl: input.enable_ssl,
    isLivestream: input.is_livestream,
    isRedirectHttpToHttps: input.is_redirect_http_to_https,
    cachePolicyId: input.cache_policy_id,
    cors: input.cors,
    hsts: input.hsts,
    compression: input.compression,
    edgeGroupIds: input.edge_group_ids,
    leIssue: input.le_issue,
    certificateId: input.certificate_id,
  };
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined));
}

function originType(asked: "custom" | "http" | "s3"): "custom" | "s3" {
  return asked === "s3" ? "s3" : "custom";
}
