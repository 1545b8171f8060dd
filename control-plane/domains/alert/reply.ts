// Alerts and their history, from rows to the wire.
import type { AlertEventRecord } from "./event-store.ts";
import type { AlertEventReply, AlertReply } from "./schema.ts";
import { GAP_MS } from "./state.ts";
import type { AlertRecord } from "./store.ts";

/** What is judged ended up to two minutes ago. */
const UNKNOWN_AFTER_MS = GAP_MS + 2 * 60_000;

export function alertToReply(alert: AlertRecord, now: Date): AlertReply {
  return { ...decidedOf(alert), disabled_reason: alert.disabledReason, state: stateOf(alert, now) };
}

/** What If-Match guards: all but how it stands. */
export function decidedOf(alert: AlertRecord): Omit<AlertReply, "state" | "disabled_reason"> {
  return {
    id: alert.id,
    name: alert.name,
    description: alert.description,
    distribution_id: alert.distributionId,
    condition: alert.condition,
    raise_after_minutes: alert.raiseAfterMinutes,
    resolve_after_minutes: alert.resolveAfterMinutes,
    mail_in_charge: alert.mailInCharge,
    mail_members: [...alert.mailMembers],
    muted_until: alert.mutedUntil?.toISOString() ?? null,
    is_enabled: alert.isEnabled,
    created_by: alert.createdBy,
    updated_by: alert.updatedBy,
    created_at: alert.createdAt.toISOString(),
    updated_at: alert.updatedAt.toISOString(),
  };
}

/** Told by when it was judged last, so that nobody has to be there to say that nobody judges. */
function stateOf(alert: AlertRecord, now: Date): AlertReply["state"] {
  const { status, since, value, reason, judgedUntil } = alert;
  const judged = { value, reason, judged_until: judgedUntil?.toISOString() ?? null };
  if (!alert.isEnabled) return { ...judged, ...unknown(alert.updatedAt, "It is disabled.") };
  if (judgedUntil === null) return { ...judged, ...unknown(since, "It was not judged yet.") };
  if (now.getTime() - judgedUntil.getTime() > UNKNOWN_AFTER_MS) {
    return { ...judged, ...unknown(judgedUntil, "It could not be judged since: what was measured is not to be had.") };
  }
  return { ...judged, status, since: since.toISOString() };
}

function unknown(since: Date, reason: string) {
  return { status: "unknown" as const, since: since.toISOString(), reason };
}

export function eventToReply(event: AlertEventRecord): AlertEventReply {
  return {
    id: event.id,
    alert_id: event.alertId,
    kind: event.kind,
    value: event.value,
    reason: event.reason,
    is_muted: event.isMuted,
    at: event.at.toISOString(),
    created_at: event.createdAt.toISOString(),
  };
}
