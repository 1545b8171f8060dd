// DNS-01: TXT records in the platform's own zone. For names of customers they are found through a CNAME that the customer sets
// once, and that leads to a name which only this account's orders write to.
import type { Resolver } from "../../../platform/dns/resolver.ts";
import { delegationTarget } from "../certificate/index.ts";
import { baseNameOf } from "./limit-rules.ts";
import type { ChallengeAnswer } from "./order-store.ts";
import { lookUntil } from "./patience.ts";

export type DnsAnswer = Extract<ChallengeAnswer, { method: "dns-01" }>;

/** The platform's zone, as it takes updates (RFC 2136). Both may be said twice. */
export interface ProofZone {
  addTxt(name: string, value: string, ttlSeconds: number): Promise<void>;
  removeTxt(name: string, value: string): Promise<void>;
}

/** Thrown when the zone does not take an update. */
export class ZoneClosed extends Error {
  override readonly name = "ZoneClosed";
}

const TTL_SECONDS = 60;
/**
 * The authority asks the zone's own servers, or a cache of its own: one that we ask may hold an older "there is none" for much
 * longer, so it is asked for a while only.
 */
const RESOLVER_PATIENCE = { firstMs: 50, longestMs: 2_000, totalMs: 20_000 };

/** Where the authority looks for the proof of a name. */
export function askedNameOf(name: string): string {
  return `_acme-challenge.${baseNameOf(name)}`;
}

/** Where that proof is written. Null: the platform's own names, which lie in the zone itself. */
export function recordNameOf(name: string, accountId: string | null, zone: string): string {
  return accountId === null ? askedNameOf(name) : delegationTarget(accountId, baseNameOf(name), zone);
}

export function isInZone(name: string, zone: string): boolean {
  const base = baseNameOf(name);
  return base === zone || base.endsWith(`.${zone}`);
}

/** Does the customer's CNAME lead to where this account's proofs are written? */
export async function isDelegated(
  resolver: Resolver,
  { name, accountId, zone }: { name: string; accountId: string; zone: string },
  signal: AbortSignal,
): Promise<boolean> {
  const answer = await resolver.resolve(askedNameOf(name), "CNAME", { signal });
  return answer.kind === "found" && answer.values.includes(recordNameOf(name, accountId, zone));
}

export function publishInZone(zone: ProofZone, answers: readonly DnsAnswer[], signal: AbortSignal): Promise<void> {
  return update(answers, signal, ({ record, proof }) => zone.addTxt(record, proof, TTL_SECONDS));
}

export function withdrawFromZone(zone: ProofZone, answers: readonly DnsAnswer[], signal: AbortSignal): Promise<void> {
  return update(answers, signal, ({ record, proof }) => zone.removeTxt(record, proof));
}

async function update(
  answers: readonly DnsAnswer[],
  signal: AbortSignal,
  say: (answer: DnsAnswer) => Promise<void>,
): Promise<void> {
  for (const answer of answers) {
    signal.throwIfAborted();
    try {
      await say(answer);
    } catch (error) {
      throw new ZoneClosed(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }
}

/** Until the resolver shows them all. False: it does not yet. */
export async function resolverShows(
  resolver: Resolver,
  answers: readonly DnsAnswer[],
  signal: AbortSignal,
): Promise<boolean> {
  const isShown = await lookUntil(RESOLVER_PATIENCE, signal, async () => {
    const shown = await Promise.all(
      answers.map(async ({ asked, proof }) => {
        const answer = await resolver.resolve(asked, "TXT", { signal });
        return answer.kind === "found" && answer.values.includes(proof);
      }),
    );
    return shown.every((one) => one) ? { found: true } : {};
  });
  return isShown ?? false;
}
