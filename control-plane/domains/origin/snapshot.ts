// An origin as a version of its distribution keeps it: what the customer decided, in the words of the API, no secret.
import { z } from "zod";
import type { OriginSettings } from "./plan.ts";
import { decidedFields } from "./schema.ts";

export const originSnapshotSchema = z.object({
  id: z.uuid(),
  ...decidedFields,
  s3_secret_id: z
    .uuid()
    .nullable()
    .meta({ description: "Which secret key it signs with; the key itself is not told." }),
});
export type OriginSnapshot = z.output<typeof originSnapshotSchema>;

export function originSnapshot(origin: OriginSettings): OriginSnapshot {
  return {
    id: origin.id,
    label: origin.label,
    url: origin.url,
    type: origin.type,
    load_balancer_type: origin.loadBalancerType,
    protocol: origin.protocol,
    port: origin.port,
    is_primary: origin.isPrimary,
    weight: origin.weight,
    host_header: origin.hostHeader,
    is_tls_verified: origin.isTlsVerified,
    connect_timeout_seconds: origin.connectTimeoutSeconds,
    read_timeout_seconds: origin.readTimeoutSeconds,
    health_check: origin.healthCheck,
    s3_type: origin.s3Type,
    s3_style: origin.s3Style,
    s3_region: origin.s3Region,
    s3_bucket_name: origin.s3BucketName,
    s3_storage_hostname: origin.s3StorageHostname,
    s3_access_key_id: origin.s3AccessKeyId,
    s3_secret_id: origin.s3SecretId,
  };
}

export function originOfSnapshot(snapshot: OriginSnapshot): OriginSettings {
  return {
    id: snapshot.id,
    label: snapshot.label,
    url: snapshot.url,
    type: snapshot.type,
    loadBalancerType: snapshot.load_balancer_type,
    protocol: snapshot.protocol,
    port: snapshot.port,
    isPrimary: snapshot.is_primary,
    weight: snapshot.weight,
    hostHeader: snapshot.host_header,
    isTlsVerified: snapshot.is_tls_verified,
    connectTimeoutSeconds: snapshot.connect_timeout_seconds,
    readTimeoutSeconds: snapshot.read_timeout_seconds,
    healthCheck: snapshot.health_check,
    s3Type: snapshot.s3_type,
    s3Style: snapshot.s3_style,
    s3Region: snapshot.s3_region,
    s3BucketName: snapshot.s3_bucket_name,
    s3StorageHostname: snapshot.s3_storage_hostname,
    s3AccessKeyId: snapshot.s3_access_key_id,
    s3SecretId: snapshot.s3_secret_id,
  };
}
