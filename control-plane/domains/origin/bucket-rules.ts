// Where an S3 origin's requests go: its fields name a bucket, and the URL follows from them. No input or output.
import type { FieldFault } from "../../../platform/problem.ts";
import type { OriginInput } from "./schema.ts";

export interface Bucket {
  readonly s3Type: "aws" | "other";
  readonly s3Style: "path" | "virtual";
  readonly s3Region: string;
  readonly s3BucketName: string;
  /** Null for AWS, whose hosts follow from the region. */
  readonly s3StorageHostname: string | null;
  readonly s3AccessKeyId: string;
}

const FIELDS = [
  "s3_type",
  "s3_style",
  "s3_region",
  "s3_bucket_name",
  "s3_storage_hostname",
  "s3_access_key_id",
  "s3_secret_key",
] as const;
const NEEDED = ["s3_bucket_name", "s3_access_key_id"] as const;
const REGION_DEFAULT = "us-east-1";

/** The S3 fields of an origin that is none. */
export function strayBucketFields(input: OriginInput, at: string): readonly FieldFault[] {
  return FIELDS.filter((name) => input[name] !== undefined).map((name) => ({
    pointer: `${at}/${name}`,
    detail: "is for origins of type s3 alone.",
  }));
}

/** The bucket and the URL that its requests go to, or every fault. */
export function bucketOf(input: OriginInput, at: string): { bucket: Bucket; url: string } | readonly FieldFault[] {
  const faults: FieldFault[] = NEEDED.filter((name) => input[name] === undefined).map((name) => ({
    pointer: `${at}/${name}`,
    detail: "is required for an origin of type s3.",
  }));
  const s3Type =
    input.s3_type ?? (input.s3_storage_hostname === undefined && input.url === undefined ? "aws" : "other");
  const name = input.s3_bucket_name ?? "";
  const style = input.s3_style ?? (s3Type === "aws" && !name.includes(".") ? "virtual" : "path");
  if (style === "virtual" && name.includes(".")) {
    faults.push({
      pointer: `${at}/s3_style`,
      detail: "must be path for a bucket with a dot in its name: no certificate covers its virtual host.",
    });
  }
  const place = s3Type === "aws" ? awsPlace(input, at) : otherPlace(input, at);
  if ("faults" in place) return [...faults, ...place.faults];
  if (faults.length > 0) return faults;
  const { protocol, host, region } = place;
  return {
    bucket: {
      s3Type,
      s3Style: style,
      s3Region: region,
      s3BucketName: name,
      s3StorageHostname: s3Type === "aws" ? null : host,
      s3AccessKeyId: input.s3_access_key_id ?? "",
    },
    url: `${protocol}://${style === "virtual" ? `${name.toLowerCase()}.` : ""}${host}`,
  };
}

interface Place {
  readonly protocol: string;
  readonly host: string;
  readonly region: string;
}
type PlaceOrFaults = Place | { readonly faults: readonly FieldFault[] };

function awsPlace(input: OriginInput, at: string): PlaceOrFaults {
  const faults: FieldFault[] = [];
  if (input.s3_region === undefined) {
    faults.push({ pointer: `${at}/s3_region`, detail: "is required for s3_type aws, such as eu-central-1." });
  }
  for (const name of ["s3_storage_hostname", "url"] as const) {
    if (input[name] === undefined) continue;
    faults.push({
      pointer: `${at}/${name}`,
      detail: "must be absent for s3_type aws: the region says where the bucket is.",
    });
  }
  const region = input.s3_region;
  if (region === undefined || faults.length > 0) return { faults };
  const zone = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return { protocol: "https", host: `s3.${region}.${zone}`, region };
}

function otherPlace(input: OriginInput, at: string): PlaceOrFaults {
  const region = input.s3_region ?? REGION_DEFAULT;
  const { s3_storage_hostname: host, url } = input;
  if (url === undefined) {
    if (host !== undefined) return { protocol: input.protocol ?? "https", host: host.toLowerCase(), region };
    const detail = "is required for s3_type other (or url): where the storage listens, such as s3.example.com:9000.";
    return { faults: [{ pointer: `${at}/s3_storage_hostname`, detail }] };
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    return { faults: [{ pointer: `${at}/url`, detail: "must be a URL such as https://s3.example.com:9000." }] };
  }
  if (host !== undefined && host.toLowerCase() !== parsed.host) {
    const detail = `does not agree with the URL, which says ${parsed.host}.`;
    return { faults: [{ pointer: `${at}/s3_storage_hostname`, detail }] };
  }
  if (parsed.origin !== url.replace(/\/$/, "").toLowerCase()) {
    const detail = "must be no more than protocol, host and port: the bucket has a field of its own.";
    return { faults: [{ pointer: `${at}/url`, detail }] };
  }
  return { protocol: parsed.protocol.slice(0, -1), host: parsed.host, region };
}
