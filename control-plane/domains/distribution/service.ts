// Creates, changes, lists and removes distributions. Every change leaves `distributionChanged` in the same transaction.
import { randomUUID } from "node:crypto";
import { type FieldFault, Problem } from "../../../platform/problem.ts";
import type { PageQuery } from "../../database/paging.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { type OriginRecord, originsByDistribution, planOrigins, replaceOrigins } from "../origin/index.ts";
import { distributionChanged } from "./jobs.ts";
import { domainAlreadyUsed, unknownDistribution } from "./problems.ts";
import { canonicalDomain, cnameTarget, generatedSubdomain } from "./rules.ts";
import type { CreateDistributionInput, PatchDistributionInput } from "./schema.ts";
import {
  type DistributionRecord,
  findClaim,
  findDistribution,
  findDistributionsOfAccount,
  insertClaim,
  insertDistribution,
  type ListedDistribution,
  lockDistribution,
  releaseClaim,
  updateDistribution,
  updateStatus,
} from "./store.ts";

export interface DistributionWithOrigins {
  readonly record: DistributionRecord;
  readonly origins: readonly OriginRecord[];
}

export type DistributionService = ReturnType<typeof createDistributionService>;

/** Throws when it is not what the caller has read: asked under the row's lock, before anything is written. */
type AssertUnchanged = (current: DistributionWithOrigins) => void;
const whateverItIs: AssertUnchanged = () => {};

interface Platform {
  readonly zone: string;
  readonly allowPrivateOrigins: boolean;
}

const TOKEN_LENGTH = 12;

export function createDistributionService({
  db,
  clock,
  platform,
}: {
  db: Database;
  clock: () => Date;
  platform: Platform;
}) {
  async function create(caller: Caller, input: CreateDistributionInput): Promise<DistributionWithOrigins> {
    const token = randomUUID().replaceAll("-", "").slice(0, TOKEN_LENGTH);
    const domain = domainOf(input, token, platform.zone);
    const origins = Array.isArray(input.origin) ? input.origin : [input.origin];
    const plan = planOrigins(origins, platform, originPointer(input.origin));
    const faults = [...providerFaults(input), ...("fault" in domain ? [domain.fault] : []), ...plan.faults];
    if (faults.length > 0 || "fault" in domain) throw invalidRequest(faults);

    return inTransaction(db, async (tx) => {
      const now = clock();
      const owner = { accountId: caller.accountId, createdAt: now };
      const claim =
        input.domain_type === "custom"
          ? await insertClaim(tx, { id: randomUUID(), name: domain.name, ...owner })
          : null;
      if (claim === undefined)
        throw new Problem(domainAlreadyUsed, `Another distribution of yours has ${domain.name}.`);
      const id = randomUUID();
      await insertDistribution(tx, {
        ...owner,
        id,
        domainId: claim?.id ?? null,
        domain: domain.name,
        domainType: input.domain_type,
        label: input.label ?? domain.name,
        description: input.description,
        cdnType: input.type,
        accelerationType: input.acceleration_type,
        originType: "custom",
        hostHeader: input.host_header ?? "",
        sni: input.sni ?? "",
        isHttp2: input.is_http2,
        isHttp3: input.is_http3,
        enableSsl: input.enable_ssl,
        isLivestream: input.is_livestream,
        isRedirectHttpToHttps: input.is_redirect_http_to_https,
        cname: cnameTarget(token, platform.zone),
        status: "pending",
        statusReason: claim === null || claim.isServing ? null : RIVAL_REASON,
        version: 1,
        createdBy: caller.userId,
        updatedBy: caller.userId,
        updatedAt: now,
        deletedAt: null,
        gotipathDeletedAt: null,
      });
      await replaceOrigins(
        tx,
        { distributionId: id, accountId: caller.accountId, userId: caller.userId, now },
        plan.planned,
      );
      await enqueueJob(tx, distributionChanged, { distribution_id: id });
      return withOrigins(tx, await owned(findDistribution(tx, id), caller.accountId));
    });
  }

  async function get(caller: Pick<Caller, "accountId">, id: string): Promise<DistributionWithOrigins> {
    return withOrigins(db, await owned(findDistribution(db, id), caller.accountId));
  }

  async function list(
    caller: Caller,
    page: PageQuery,
  ): Promise<readonly (ListedDistribution & DistributionWithOrigins)[]> {
    const listed = await findDistributionsOfAccount(db, caller.accountId, page);
    const ids = listed.map(({ id }) => id);
    const origins = await originsByDistribution(db, ids);
    return listed.map((row) => ({ ...row, origins: origins.get(row.id) ?? [] }));
  }

  async function update(
    caller: Caller,
    id: string,
    input: PatchDistributionInput,
    assertUnchanged: AssertUnchanged = whateverItIs,
  ): Promise<DistributionWithOrigins> {
    const origins = input.origin === undefined ? [] : Array.isArray(input.origin) ? input.origin : [input.origin];
    const plan = planOrigins(origins, platform, originPointer(input.origin));
    if (plan.faults.length > 0) throw invalidRequest(plan.faults);

    return inTransaction(db, async (tx) => {
      const now = clock();
      const current = await owned(lockDistribution(tx, id), caller.accountId);
      assertUnchanged(await withOrigins(tx, current));
      await updateDistribution(tx, id, { ...changesOf(input), updatedBy: caller.userId, updatedAt: now });
      if (plan.planned.length > 0) {
        const owner = { distributionId: id, accountId: caller.accountId, userId: caller.userId, now };
        await replaceOrigins(tx, owner, plan.planned);
      }
      await enqueueJob(tx, distributionChanged, { distribution_id: id });
      return withOrigins(tx, await owned(findDistribution(tx, id), caller.accountId));
    });
  }

  /** The row stays, for reports and for whoever asks what became of it; the edges stop serving and then the name is free. */
  async function remove(caller: Caller, id: string, assertUnchanged: AssertUnchanged = whateverItIs): Promise<void> {
    await inTransaction(db, async (tx) => {
      const now = clock();
      const current = await owned(lockDistribution(tx, id), caller.accountId);
      assertUnchanged(await withOrigins(tx, current));
      await updateDistribution(tx, id, {
        status: "deleting",
        deletedAt: now,
        updatedBy: caller.userId,
        updatedAt: now,
      });
      await enqueueJob(tx, distributionChanged, { distribution_id: id });
    });
  }

  return { create, get, list, update, remove };
}

const RIVAL_REASON =
  "The name is served for another account until you prove that it is yours; the cname works already.";

export interface DeploymentOutcome {
  readonly status: "deploying" | "active" | "failed" | "removed";
  readonly reason: string | null;
  readonly at: Date;
}

/** What the deployment says of a distribution becomes its status, unless the customer has since decided otherwise. */
export async function recordDeployment(tx: Tx, id: string, outcome: DeploymentOutcome): Promise<void> {
  const record = await lockDistribution(tx, id);
  if (record === undefined) return;
  if (outcome.status === "removed") {
    if (record.deletedAt === null || record.gotipathDeletedAt !== null) return;
    await updateStatus(tx, id, { status: "deleted", statusReason: null, gotipathDeletedAt: outcome.at });
    if (record.domainId !== null) await passOnClaim(tx, record.domainId);
    return;
  }
  if (record.deletedAt !== null || record.status === "disabled") return;
  const claim = record.domainId === null ? undefined : await findClaim(tx, record.domainId);
  const reason = outcome.reason ?? (claim?.isServing === false ? RIVAL_REASON : null);
  if (record.status === outcome.status && record.statusReason === reason) return;
  await updateStatus(tx, id, { status: outcome.status, statusReason: reason });
}

/** The edges have let go of the name before anybody else gets it: two documents never hold one host. */
async function passOnClaim(tx: Tx, domainId: string): Promise<void> {
  const heirId = await releaseClaim(tx, domainId);
  if (heirId === undefined) return;
  await updateDistribution(tx, heirId, { statusReason: null });
  await enqueueJob(tx, distributionChanged, { distribution_id: heirId });
}

/** Absent and foreign look the same. */
async function owned(found: Promise<DistributionRecord | undefined>, accountId: string): Promise<DistributionRecord> {
  const record = await found;
  if (record === undefined || record.accountId !== accountId || record.deletedAt !== null) {
    throw new Problem(unknownDistribution, "No distribution of this account has this id.");
  }
  return record;
}

async function withOrigins(reads: Reads, record: DistributionRecord): Promise<DistributionWithOrigins> {
  const origins = await originsByDistribution(reads, [record.id]);
  return { record, origins: origins.get(record.id) ?? [] };
}

function domainOf(
  input: CreateDistributionInput,
  token: string,
  zone: string,
): { name: string } | { fault: FieldFault } {
  const fault = (detail: string) => ({ fault: { pointer: "/domain", detail } });
  if (input.domain_type === "subdomain") {
    if (input.domain !== undefined)
      return fault("must be absent when domain_type is subdomain: the platform makes the name.");
    return { name: generatedSubdomain(token, zone) };
  }
  if (input.domain === undefined) return fault("is required when domain_type is custom.");
  const name = canonicalDomain(input.domain, zone);
  return typeof name === "string" ? { name } : fault(name.fault);
}

function providerFaults(input: CreateDistributionInput): readonly FieldFault[] {
  if (input.type === "gotipath") return [];
  return [
    { pointer: "/type", detail: `${input.type} is not configured on this platform; use gotipath, its own edges.` },
  ];
}

function originPointer(origin: unknown): (index: number) => string {
  return Array.isArray(origin) ? (index) => `/origin/${index}` : () => "/origin";
}

function changesOf(input: PatchDistributionInput): Partial<DistributionRecord> {
  return {
    ...(input.label === undefined ? {} : { label: input.label }),
    ...(input.description === undefined ? {} : { description: input.description }),
    ...(input.acceleration_type === undefined ? {} : { accelerationType: input.acceleration_type }),
    ...(input.host_header === undefined ? {} : { hostHeader: input.host_header ?? "" }),
    ...(input.sni === undefined ? {} : { sni: input.sni ?? "" }),
    ...(input.is_http2 === undefined ? {} : { isHttp2: input.is_http2 }),
    ...(input.is_http3 === undefined ? {} : { isHttp3: input.is_http3 }),
    ...(input.enable_ssl === undefined ? {} : { enableSsl: input.enable_ssl }),
    ...(input.is_livestream === undefined ? {} : { isLivestream: input.is_livestream }),
    ...(input.is_redirect_http_to_https === undefined
      ? {}
      : { isRedirectHttpToHttps: input.is_redirect_http_to_https }),
  };
}
