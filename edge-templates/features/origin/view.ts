// From desired origins to the `origin` part of a document.
import type { DesiredBucket, DesiredDistribution, DesiredHealthCheck, DesiredOrigin } from "../../desired.ts";
import type { BucketPart, HealthCheckPart, OriginPart } from "./schema.ts";

export function originPart({ origins, balancer }: DesiredDistribution): OriginPart {
  return { balancer, servers: origins.map(serverOf) };
}

function serverOf(origin: DesiredOrigin): OriginPart["servers"][number] {
  const { id, scheme, host, port, sni, weight, primary, healthCheck, bucket } = origin;
  return {
    ...{ id, scheme, host, port, sni, weight, primary },
    host_header: origin.hostHeader,
    verify: origin.isTlsVerified,
    connect_timeout: origin.connectTimeoutSeconds,
    read_timeout: origin.readTimeoutSeconds,
    ...(healthCheck === null ? {} : { check: checkOf(healthCheck) }),
    ...(bucket === null ? {} : { bucket: bucketOf(bucket) }),
  };
}

function checkOf(check: DesiredHealthCheck): HealthCheckPart {
  return {
    path: check.path,
    interval: check.intervalSeconds,
    timeout: check.timeoutSeconds,
    statuses: check.statuses.map(({ from, to }) => ({ from, to })),
    healthy_after: check.healthyAfter,
    unhealthy_after: check.unhealthyAfter,
  };
}

function bucketOf({ name, region, style, accessKeyId, secretId }: DesiredBucket): BucketPart {
  return { name, region, style, access_key_id: accessKeyId, secret: secretId };
}
