// What authorities allow, as token buckets: filled at a steady rate up to their capacity, emptied by one for each order. No
// clock, no input or output.
import { getDomain } from "tldts";
import { duration } from "./words.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface Limit {
  /** The row of the bucket. */
  readonly key: string;
  readonly capacity: number;
  /** How long an empty bucket takes to be full. */
  readonly periodMs: number;
  /** In words: what there are only so many of. */
  readonly what: string;
}

export interface Bucket {
  readonly tokens: number;
  readonly filledAt: Date;
}

export interface OrderLimits {
  /** New orders of our account in three hours. */
  readonly ordersPerAccount: number;
  /** New certificates for a registered domain in a week. */
  readonly certificatesPerDomain: number;
}

/** Let's Encrypt's, which its kin have taken over. */
export const USUAL_LIMITS: OrderLimits = { ordersPerAccount: 300, certificatesPerDomain: 50 };

interface Order {
  readonly directoryUrl: string;
  readonly names: readonly string[];
  readonly replaces: string | null;
  readonly isDue: boolean;
}

/** One customer never spends what all the others need. */
const SHARE_OF_ONE_ACCOUNT = 1 / 3;

/**
 * What an order takes a token from. Renewals whose time has come are exempt, as with authorities that want to be told what is
 * replaced (RFC 9773 §5): a full week of new names never keeps an old one from being renewed. `accountId`: whose it is.
 */
export function limitsOf(
  { directoryUrl, names, replaces, isDue }: Order,
  accountId: string | null,
  { ordersPerAccount, certificatesPerDomain }: OrderLimits,
): readonly Limit[] {
  if (isDue && replaces !== null) return [];
  const periodMs = 3 * HOUR_MS;
  const orders = { key: `orders ${directoryUrl}`, capacity: ordersPerAccount, periodMs };
  const share = Math.ceil(ordersPerAccount * SHARE_OF_ONE_ACCOUNT);
  const own = { key: `orders ${directoryUrl} ${accountId}`, capacity: share, periodMs };
  const domains = [...new Set(names.map(registeredDomainOf))].sort();
  return [
    { ...orders, what: `orders of this platform (${ordersPerAccount} in 3 hours)` },
    ...(accountId === null ? [] : [{ ...own, what: `orders, of which this account may have ${share} in 3 hours` }]),
    ...domains.map((domain) => ({
      key: `certificates ${directoryUrl} ${domain}`,
      capacity: certificatesPerDomain,
      periodMs: 7 * DAY_MS,
      what: `certificates for ${domain} and the names below it (${certificatesPerDomain} in 7 days)`,
    })),
  ];
}

/** The name that somebody registered, by the public suffix list. A name without one stands for itself. */
export function registeredDomainOf(name: string): string {
  const base = baseNameOf(name);
  return getDomain(base, { allowPrivateDomains: true }) ?? base;
}

/** Without the label that a wildcard stands for. */
export function baseNameOf(name: string): string {
  return name.startsWith("*.") ? name.slice(2) : name;
}

/** The bucket at this time. One that was never used is full. */
export function fill(bucket: Bucket | undefined, { capacity, periodMs }: Limit, now: Date): Bucket {
  if (bucket === undefined) return { tokens: capacity, filledAt: now };
  const passedMs = Math.max(0, now.getTime() - bucket.filledAt.getTime());
  return { tokens: Math.min(capacity, bucket.tokens + (passedMs / periodMs) * capacity), filledAt: now };
}

/** How long until it holds a token; 0 when it does. */
export function waitMsFor({ tokens }: Bucket, { capacity, periodMs }: Limit): number {
  return tokens >= 1 ? 0 : Math.ceil(((1 - tokens) / capacity) * periodMs);
}

export function reasonToWait({ what }: Limit, waitMs: number): string {
  return `The certificate authority allows only so many ${what}; it is ordered in ${duration(waitMs)}.`;
}
