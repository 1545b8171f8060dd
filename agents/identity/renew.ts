// Renews the agent's certificate at half of its life: a control plane may be away for two weeks and nothing ends.
import { X509Certificate } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../platform/log.ts";
import type { Identity } from "./identity.ts";
import { certificateRequest } from "./key.ts";

interface Renewal {
  readonly identity: () => Identity;
  readonly send: (csr: string, signal: AbortSignal) => Promise<string>;
  readonly store: (certificate: string) => Promise<void>;
  /** The control plane does not know this edge's key, or the certificate lacks the edge's name: a renewal mends either. */
  readonly isLacking: () => boolean;
  readonly log: Logger;
}

const HOUR_MS = 3_600_000;
const RETRY_MS = 60_000;

export function renewalDueInMs(certificate: string, nowMs: number): number {
  const { validFrom, validTo } = new X509Certificate(certificate);
  const half = (Date.parse(validFrom) + Date.parse(validTo)) / 2;
  return Math.max(0, half - nowMs);
}

/** Runs until the signal aborts. */
export async function keepRenewed(renewal: Renewal, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const dueInMs = renewalDueInMs(renewal.identity().certificate, Date.now());
    // Looked at hourly as well: timers do not count the time that a machine sleeps.
    const isLacking = renewal.isLacking();
    const waitMs = dueInMs > 0 && !isLacking ? Math.min(dueInMs, HOUR_MS) : await renewOnce(renewal, signal);
    // What the control plane makes of it comes with the feed.
    await delay(isLacking ? RETRY_MS : waitMs, undefined, { signal }).catch(() => {});
  }
}

async function renewOnce({ identity, send, store, log }: Renewal, signal: AbortSignal): Promise<number> {
  const { key, edgeId } = identity();
  try {
    await store(await send(certificateRequest(key, edgeId), signal));
    log.info("the certificate of this edge was renewed");
    return 0;
  } catch (error) {
    if (!signal.aborted) log.warn({ error }, "the certificate of this edge could not be renewed yet");
    return RETRY_MS;
  }
}
