// The end of what an alert was raised for when somebody takes the alert away: its history says so, and whoever was told that
// it is raised is told that this is over, also while it is muted, for nobody will come to it later.
import { randomUUID } from "node:crypto";
import type { Reads, Tx } from "../../database/transaction.ts";
import { notify } from "../notification/index.ts";
import { insertEvent } from "./event-store.ts";
import { findDistributions } from "./read-model.ts";
import type { AlertRecord } from "./store.ts";
import { notificationOf } from "./words.ts";

export async function endEpisode(
  tx: Tx,
  alert: AlertRecord,
  { reason, publicUrl, now }: { reason: string; publicUrl: URL; now: Date },
): Promise<void> {
  const { id: alertId, accountId, value } = alert;
  if (alert.status === "raised") {
    const isMuted = isMutedAt(alert, now);
    const event = { id: randomUUID(), alertId, accountId, kind: "resolved" as const, value, reason };
    await insertEvent(tx, { ...event, isMuted, at: now, createdAt: now });
  }
  if (!alert.isTold) return;
  const domain = await domainOf(tx, alert);
  const telling = {
    alert,
    turn: "resolved" as const,
    isTest: false,
    value,
    reason,
    since: now,
    domain,
    publicUrl,
    now,
  };
  await notify(tx, notificationOf(telling));
}

export function isMutedAt({ mutedUntil }: Pick<AlertRecord, "mutedUntil">, now: Date): boolean {
  return mutedUntil !== null && now < mutedUntil;
}

export async function domainOf(
  reads: Reads,
  { distributionId }: Pick<AlertRecord, "distributionId">,
): Promise<string | null> {
  if (distributionId === null) return null;
  return (await findDistributions(reads, [distributionId])).get(distributionId)?.domain ?? null;
}
