// Makes, replaces and reads the origins of a distribution. The distribution's service owns the transaction.
import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { FieldFault } from "../../../platform/problem.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import { type OriginTarget, primaryIndex, targetOf } from "./rules.ts";
import type { OriginInput, originReply } from "./schema.ts";
import { deleteOrigins, findOrigins, insertOrigins, type OriginRecord } from "./store.ts";

export interface PlannedOrigin {
  readonly input: OriginInput;
  readonly target: OriginTarget;
}

/** Every origin with its target, or the faults of all of them. */
export function planOrigins(
  inputs: readonly OriginInput[],
  policy: { allowPrivateOrigins: boolean },
  pointerOf: (index: number) => string,
): { planned: readonly PlannedOrigin[]; faults: readonly FieldFault[] } {
  const planned: PlannedOrigin[] = [];
  const faults: FieldFault[] = [];
  for (const [index, input] of inputs.entries()) {
    const target = targetOf(input, policy, pointerOf(index));
    if ("url" in target) planned.push({ input, target });
    else faults.push(...target);
  }
  const balancer = inputs[0]?.load_balancer_type;
  for (const [index, input] of inputs.entries()) {
    if (input.load_balancer_type === balancer) continue;
    faults.push({
      pointer: `${pointerOf(index)}/load_balancer_type`,
      detail: `must be ${balancer}, as for the first origin.`,
    });
  }
  return { planned, faults };
}

export async function replaceOrigins(
  tx: Tx,
  owner: { distributionId: string; accountId: string; userId: string; now: Date },
  planned: readonly PlannedOrigin[],
): Promise<void> {
  await deleteOrigins(tx, owner.distributionId);
  const primary = primaryIndex(planned.map(({ input }) => input));
  await insertOrigins(
    tx,
    planned.map(({ input, target }, index) => ({
      id: randomUUID(),
      distributionId: owner.distributionId,
      accountId: owner.accountId,
      label: input.label ?? `origin-${index + 1}`,
      url: target.url,
      type: "custom" as const,
      loadBalancerType: input.load_balancer_type,
      protocol: target.protocol,
      port: target.port,
      isPrimary: index === primary,
      weight: input.weight,
      hostHeader: target.hostHeader,
      createdBy: owner.userId,
      updatedBy: owner.userId,
      // Rows of one write are told apart, so that their order is the customer's.
      createdAt: new Date(owner.now.getTime() + index),
      updatedAt: owner.now,
      gotipathDeletedAt: null,
    })),
  );
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
  return {
    id: origin.id,
    distribution_id: origin.distributionId,
    customer_id: origin.accountId,
    label: origin.label,
    url: origin.url,
    type: origin.type,
    load_balancer_type: origin.loadBalancerType,
    port: origin.port,
    protocol: origin.protocol,
    is_primary: origin.isPrimary,
    weight: origin.weight,
    host_header: origin.hostHeader,
    created_by: origin.createdBy,
    updated_by: origin.updatedBy,
    created_at: origin.createdAt.toISOString(),
    updated_at: origin.updatedAt.toISOString(),
    gotipath_deleted_at: origin.gotipathDeletedAt?.toISOString() ?? null,
  };
}
