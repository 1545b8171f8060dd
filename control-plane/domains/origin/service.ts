// Writes and reads the origins of a distribution. The distribution's service owns the transaction.
import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import type { Seal } from "../../../platform/seal.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import { storeSecret } from "../secret/index.ts";
import type { OriginSettings, PlannedOrigin } from "./plan.ts";
import type { originReply } from "./schema.ts";
import { originSnapshot } from "./snapshot.ts";
import { deleteOrigins, findOrigins, type OriginRecord, storeOrigins } from "./store.ts";

export interface OriginOwner {
  readonly distributionId: string;
  readonly accountId: string;
  readonly userId: string | null;
  readonly now: Date;
}

/** Keeps the secrets of a plan, each under an id that the settings name from then on. */
export async function sealedSettings(
  tx: Tx,
  seal: Seal,
  { accountId, now }: Pick<OriginOwner, "accountId" | "now">,
  planned: readonly PlannedOrigin[],
): Promise<readonly OriginSettings[]> {
  const settings: OriginSettings[] = [];
  for (const plan of planned) {
    if (plan.secret === undefined) settings.push(plan.settings);
    else {
      const secret = { accountId, purpose: "s3_secret_key" as const, value: plan.secret, now };
      settings.push({ ...plan.settings, s3SecretId: await storeSecret(tx, seal, secret) });
    }
  }
  return settings;
}

/** Of a distribution that has none yet; as they are read back: the primary one first. */
export async function insertOrigins(
  tx: Tx,
  owner: OriginOwner,
  settings: readonly OriginSettings[],
): Promise<readonly OriginRecord[]> {
  const records = settings.map((origin, position) => newRecord(owner, origin, position));
  await storeOrigins(tx, records);
  return [...records].sort((a, b) => Number(b.isPrimary) - Number(a.isPrimary));
}

/** The whole list anew: one that was there before keeps its author and its time. */
export async function replaceOrigins(tx: Tx, owner: OriginOwner, settings: readonly OriginSettings[]): Promise<void> {
  const before = new Map((await findOrigins(tx, [owner.distributionId])).map((origin) => [origin.id, origin]));
  await deleteOrigins(tx, owner.distributionId);
  const records = settings.map((origin, position): OriginRecord => {
    const fresh = newRecord(owner, origin, position);
    const known = before.get(origin.id);
    if (known === undefined) return fresh;
    const { createdBy, createdAt, updatedBy, updatedAt } = known;
    const unchanged = { ...fresh, createdBy, createdAt, updatedBy, updatedAt };
    return isDeepStrictEqual(unchanged, known) ? known : { ...fresh, createdBy, createdAt };
  });
  await storeOrigins(tx, records);
}

function newRecord(owner: OriginOwner, origin: OriginSettings, position: number): OriginRecord {
  const { distributionId, accountId, userId, now } = owner;
  return {
    ...{ ...origin, position, distributionId, accountId },
    ...{ createdBy: userId, createdAt: now, updatedBy: userId, updatedAt: now },
    gotipathDeletedAt: null,
  };
}

export async function originsByDistribution(
  reads: Reads,
  distributionIds: readonly string[],
): Promise<ReadonlyMap<string, readonly OriginRecord[]>> {
  const grouped = new Map<string, OriginRecord[]>();
  for (const origin of await findOrigins(reads, distributionIds)) {
    const siblings = grouped.get(origin.distributionId);
    if (siblings === undefined) grouped.set(origin.distributionId, [origin]);
    else siblings.push(origin);
  }
  return grouped;
}

export function originToReply(origin: OriginRecord): z.input<typeof originReply> {
  const { s3_secret_id: _secret, ...decided } = originSnapshot(origin);
  return {
    ...decided,
    distribution_id: origin.distributionId,
    customer_id: origin.accountId,
    created_by: origin.createdBy,
    updated_by: origin.updatedBy,
    created_at: origin.createdAt.toISOString(),
    updated_at: origin.updatedAt.toISOString(),
    gotipath_deleted_at: origin.gotipathDeletedAt?.toISOString() ?? null,
  };
}
