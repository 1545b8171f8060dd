// From what a customer asks for to the whole ordered list of a distribution's origins, or every fault of it. No input or
// output: a secret that has to be kept comes back beside the origin it is for.
import { randomUUID } from "node:crypto";
import type { FieldFault } from "../../../platform/problem.ts";
import { type Bucket, bucketOf, strayBucketFields } from "./bucket-rules.ts";
import { primaryIndex, targetOf } from "./rules.ts";
import type { OriginInput, PatchOriginInput } from "./schema.ts";
import type { OriginRecord } from "./store.ts";

/** What the customer decides about an origin; a version keeps exactly this. */
export type OriginSettings = Omit<
  OriginRecord,
  | "distributionId"
  | "accountId"
  | "position"
  | "createdBy"
  | "updatedBy"
  | "createdAt"
  | "updatedAt"
  | "gotipathDeletedAt"
>;

export interface PlannedOrigin {
  readonly settings: OriginSettings;
  /** To be kept sealed, its id becoming the origin's `s3SecretId`. */
  readonly secret: string | undefined;
}

export interface OriginPolicy {
  readonly allowPrivateOrigins: boolean;
  /** The type of an origin that names none. */
  readonly originType: "custom" | "s3";
}

export interface OriginPlan {
  readonly planned: readonly PlannedOrigin[];
  readonly faults: readonly FieldFault[];
}

const NO_BUCKET = {
  s3Type: null,
  s3Style: null,
  s3Region: null,
  s3BucketName: null,
  s3StorageHostname: null,
  s3AccessKeyId: null,
  s3SecretId: null,
};

/** A whole list; an origin that was there under the same URL keeps its id and, if none is given, its secret. */
export function planOrigins(
  inputs: readonly OriginInput[],
  policy: OriginPolicy,
  { existing, pointerOf }: { existing: readonly OriginRecord[]; pointerOf: (index: number) => string },
): OriginPlan {
  const planned: PlannedOrigin[] = [];
  const faults: FieldFault[] = [];
  const known = [...existing];
  for (const [index, input] of inputs.entries()) {
    const plan = planOne(input, policy, {
      at: pointerOf(index),
      label: `origin-${index + 1}`,
      takePrevious: (url) => takeFirst(known, (origin) => origin.url === url),
    });
    if ("settings" in plan) planned.push(plan);
    else faults.push(...plan);
  }
  const [first] = inputs;
  const balancer = first?.load_balancer_type ?? "failover";
  for (const [index, { load_balancer_type: other = balancer }] of inputs.entries()) {
    if (other === balancer) continue;
    const detail = `must be ${balancer}, as for the first origin.`;
    faults.push({ pointer: `${pointerOf(index)}/load_balancer_type`, detail });
  }
  const primary = primaryIndex(inputs);
  const shared = (plan: PlannedOrigin, index: number): PlannedOrigin => ({
    ...plan,
    settings: { ...plan.settings, loadBalancerType: balancer, isPrimary: index === primary },
  });
  return { planned: planned.map(shared), faults };
}

/** One more at the end. */
export function planAddition(
  existing: readonly OriginRecord[],
  input: OriginInput,
  policy: OriginPolicy,
): OriginPlan & { readonly id: string | undefined } {
  const label = `origin-${existing.length + 1}`;
  const plan = planOne(input, policy, { at: "", label, takePrevious: () => undefined });
  if (!("settings" in plan)) return { planned: [], faults: plan, id: undefined };
  const list = [...existing.map(unchanged), plan];
  return { planned: agreed(list, plan.settings.id, input), faults: [], id: plan.settings.id };
}

/** The origin as its fields and the patch together say. */
export function planUpdate(
  existing: readonly OriginRecord[],
  current: OriginRecord,
  patch: PatchOriginInput,
  policy: OriginPolicy,
): OriginPlan {
  const plan = planOne(merged(current, patch), policy, {
    at: "",
    label: current.label,
    takePrevious: () => current,
  });
  if (!("settings" in plan)) return { planned: [], faults: plan };
  if (patch.is_primary === false && current.isPrimary) {
    const detail = "must stay true: make another origin the primary one instead.";
    return { planned: [], faults: [{ pointer: "/is_primary", detail }] };
  }
  const settings = { ...plan.settings, id: current.id, isPrimary: patch.is_primary ?? current.isPrimary };
  const list = existing.map((origin) => (origin.id === current.id ? { ...plan, settings } : unchanged(origin)));
  return { planned: agreed(list, current.id, patch), faults: [] };
}

/** Without one of them; if that was the primary one, the first that is left becomes it. */
export function planRemoval(existing: readonly OriginRecord[], id: string): readonly PlannedOrigin[] {
  const left = existing.filter((origin) => origin.id !== id).map(unchanged);
  if (left.some(({ settings }) => settings.isPrimary)) return left;
  return left.map((plan, index) => ({ ...plan, settings: { ...plan.settings, isPrimary: index === 0 } }));
}

/** What holds for all of them follows the one that was just said something about. */
function agreed(
  list: readonly PlannedOrigin[],
  id: string,
  said: Pick<PatchOriginInput, "load_balancer_type" | "is_primary">,
): readonly PlannedOrigin[] {
  return list.map(({ settings, secret }) => ({
    secret,
    settings: {
      ...settings,
      loadBalancerType: said.load_balancer_type ?? list[0]?.settings.loadBalancerType ?? "failover",
      isPrimary: said.is_primary === true ? settings.id === id : settings.isPrimary,
    },
  }));
}

function planOne(
  input: OriginInput,
  policy: OriginPolicy,
  context: { at: string; label: string; takePrevious: (url: string) => OriginRecord | undefined },
): PlannedOrigin | readonly FieldFault[] {
  const { at } = context;
  const type = (input.type ?? policy.originType) === "s3" ? "s3" : "custom";
  const place = type === "s3" ? bucketOf(input, at) : customPlace(input, at);
  if (!("url" in place)) return place;
  const target = targetOf({ ...input, url: place.url }, policy, at);
  if (!("url" in target)) return target;
  const previous = context.takePrevious(target.url);
  const faults = place.bucket === null ? [] : bucketFaults(input, previous, { at, host: new URL(target.url).host });
  if (faults.length > 0) return faults;
  const secret = place.bucket === null ? undefined : input.s3_secret_key;
  return {
    secret,
    settings: {
      id: previous?.id ?? randomUUID(),
      label: input.label ?? context.label,
      url: target.url,
      type,
      loadBalancerType: input.load_balancer_type ?? previous?.loadBalancerType ?? "failover",
      protocol: target.protocol,
      port: target.port,
      isPrimary: input.is_primary ?? false,
      weight: input.weight,
      hostHeader: target.hostHeader,
      isTlsVerified: input.is_tls_verified,
      connectTimeoutSeconds: input.connect_timeout_seconds,
      readTimeoutSeconds: input.read_timeout_seconds,
      healthCheck: input.health_check,
      ...NO_BUCKET,
      ...place.bucket,
      s3SecretId: secret === undefined && place.bucket !== null ? (previous?.s3SecretId ?? null) : null,
    },
  };
}

function customPlace(input: OriginInput, at: string): { url: string; bucket: Bucket | null } | readonly FieldFault[] {
  const stray = strayBucketFields(input, at);
  if (input.url === undefined) return [{ pointer: `${at}/url`, detail: "is required." }, ...stray];
  return stray.length > 0 ? stray : { url: input.url, bucket: null };
}

/** A secret goes with its access key: another key needs its own. */
function bucketFaults(
  input: OriginInput,
  previous: OriginRecord | undefined,
  { at, host }: { at: string; host: string },
): readonly FieldFault[] {
  const isKept = previous?.s3SecretId != null && previous.s3AccessKeyId === input.s3_access_key_id;
  const faults: FieldFault[] = [];
  if (input.s3_secret_key === undefined && !isKept) {
    faults.push({ pointer: `${at}/s3_secret_key`, detail: "is required with this s3_access_key_id." });
  }
  if (input.host_header !== undefined && input.host_header !== host) {
    faults.push({
      pointer: `${at}/host_header`,
      detail: `must be ${host} or absent: requests to S3 are signed for it.`,
    });
  }
  return faults;
}

/** The origin as an input: what the patch does not name is what it was. */
function merged(current: OriginRecord, patch: PatchOriginInput): OriginInput {
  const isBucket = (patch.type ?? current.type) === "s3";
  const movesUrl = patch.url !== undefined;
  // A host header that was only the old URL's follows the new one; so do protocol and port.
  const ownHeader = current.hostHeader === new URL(current.url).host ? undefined : current.hostHeader;
  const keep = <T>(value: T | null): T | undefined => (isBucket ? (value ?? undefined) : undefined);
  const placed = isBucket && current.type === "s3" && !movesUrl;
  return {
    url: patch.url ?? (isBucket ? undefined : current.url),
    label: patch.label ?? current.label,
    type: patch.type ?? current.type,
    load_balancer_type: patch.load_balancer_type ?? current.loadBalancerType,
    port: patch.port,
    protocol: patch.protocol ?? (placed && current.s3Type === "other" ? current.protocol : undefined),
    is_primary: patch.is_primary ?? current.isPrimary,
    weight: patch.weight ?? current.weight,
    host_header:
      patch.host_header === undefined ? (isBucket ? undefined : ownHeader) : (patch.host_header ?? undefined),
    is_tls_verified: patch.is_tls_verified ?? current.isTlsVerified,
    connect_timeout_seconds: patch.connect_timeout_seconds ?? current.connectTimeoutSeconds,
    read_timeout_seconds: patch.read_timeout_seconds ?? current.readTimeoutSeconds,
    health_check: patch.health_check === undefined ? current.healthCheck : patch.health_check,
    s3_type: patch.s3_type ?? keep(current.s3Type),
    s3_style: patch.s3_style === undefined ? keep(current.s3Style) : (patch.s3_style ?? undefined),
    s3_region: patch.s3_region ?? keep(current.s3Region),
    s3_bucket_name: patch.s3_bucket_name ?? keep(current.s3BucketName),
    s3_storage_hostname:
      patch.s3_storage_hostname ?? (placed && patch.s3_type !== "aws" ? keep(current.s3StorageHostname) : undefined),
    s3_access_key_id: patch.s3_access_key_id ?? keep(current.s3AccessKeyId),
    s3_secret_key: patch.s3_secret_key,
  };
}

function unchanged(origin: OriginRecord): PlannedOrigin {
  return { settings: settingsOf(origin), secret: undefined };
}

export function settingsOf(origin: OriginRecord): OriginSettings {
  const {
    distributionId: _distribution,
    accountId: _account,
    position: _position,
    createdBy: _createdBy,
    updatedBy: _updatedBy,
    createdAt: _createdAt,
    updatedAt: _updatedAt,
    gotipathDeletedAt: _deletedAt,
    ...settings
  } = origin;
  return settings;
}

function takeFirst<T>(items: T[], isWanted: (item: T) => boolean): T | undefined {
  const index = items.findIndex(isWanted);
  return index < 0 ? undefined : items.splice(index, 1)[0];
}
