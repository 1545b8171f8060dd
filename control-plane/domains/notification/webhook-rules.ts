// What a webhook's URL may be, what its secret looks like, when a delivery is tried again and when a webhook is given up. No
// input or output.
import { isIP } from "node:net";
import { addressClass } from "../../../platform/address.ts";
import { hostOf, mayDial } from "../../../platform/outgoing.ts";
import { TEST_EVENT } from "./events.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** After each attempt that failed: some 24 hours in all. */
export const RETRY_AFTER_MS: readonly number[] = [
  ...[5 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS],
  ...[2 * HOUR_MS, 5 * HOUR_MS, 8 * HOUR_MS, 8 * HOUR_MS],
];
/** The longest that a receiver's own word about when to come again is heeded. */
const ASKED_WAIT_MAX_MS = 8 * HOUR_MS;
/** Receivers that failed together are not asked together. */
const JITTER = 0.1;

/** A delivery that was given up ends the webhook, when nothing has arrived for this long. */
export const GIVEN_UP_AFTER_MS = 72 * HOUR_MS;
/** Who answers so wants no more of it (Standard Webhooks, "Status codes"). */
const GONE = 410;

/** The specification asks for 24 to 64 bytes. */
export const SECRET_BYTES = 32;

export interface UrlPolicy {
  readonly allowPrivateOrigins: boolean;
}

export function secretOf(bytes: Buffer): string {
  return `whsec_${bytes.toString("base64")}`;
}

/** Every fault of the URL by itself; where its name leads is looked at with each delivery. */
export function urlFaults(text: string, { allowPrivateOrigins }: UrlPolicy): readonly string[] {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:" && url?.protocol !== "http:") {
    return ["must be a URL such as https://hooks.example.com/edgewright."];
  }
  const faults: string[] = [];
  if (url.protocol === "http:" && !allowPrivateOrigins) {
    faults.push("must begin with https: what is sent there is nobody else's to read.");
  }
  if (url.username !== "" || url.password !== "") {
    faults.push("must not carry a user or a password: deliveries are signed instead.");
  }
  if (url.hash !== "") faults.push("must not have a fragment (#…): it would not be sent.");
  if (url.port === "0") faults.push("must name a port from 1 to 65535.");
  const host = hostOf(url);
  const isLocal = host === "localhost" || host.endsWith(".localhost");
  if (isLocal && !allowPrivateOrigins) faults.push(PRIVATE);
  if (isIP(host) !== 0) faults.push(...addressFaults(host, { allowPrivateOrigins }));
  return faults;
}

const PRIVATE = "points at a private address; this platform sends to public ones only.";

function addressFaults(address: string, policy: UrlPolicy): readonly string[] {
  if (addressClass(address) === "never") return ["points at an address that no receiver may have."];
  return mayDial(address, policy) ? [] : [PRIVATE];
}

/** How long to wait after this many attempts, the last of which failed; undefined: no more of them. `random`: 0 to 1. */
export function retryDelayMs(
  { event, attempts, askedWaitMs }: { event: string; attempts: number; askedWaitMs: number | undefined },
  random: number,
): number | undefined {
  // Somebody sits before a test and tries again by themselves.
  const planned = event === TEST_EVENT ? undefined : RETRY_AFTER_MS[attempts - 1];
  if (planned === undefined) return undefined;
  const asked = Math.min(askedWaitMs ?? 0, ASKED_WAIT_MAX_MS);
  return Math.max(asked, Math.round(planned * (1 - JITTER + 2 * JITTER * random)));
}

/** Why the webhook is to be disabled after an attempt that failed; undefined: it is not. */
export function givenUp(
  { failingSince, isLast, statusCode }: { failingSince: Date; isLast: boolean; statusCode: number | null },
  now: Date,
): string | undefined {
  if (statusCode === GONE) return "It answered 410 (Gone), which says that it wants nothing any more.";
  if (!isLast || now.getTime() - failingSince.getTime() < GIVEN_UP_AFTER_MS) return undefined;
  return `Nothing could be delivered since ${failingSince.toISOString()}.`;
}

/** Whether a webhook for these wants that. */
export function wants(events: readonly string[], event: string): boolean {
  return events.includes("*") || events.includes(event);
}
