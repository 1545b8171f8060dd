// DNS-01: TXT records in the platform's own zone. For names of customers they are found through a CNAME that the customer sets
// once, and that leads to a name which only this account's orders write to.
import type { Resolver } from "../../../platform/dns/resolver.ts";
import type { ZoneUpdater } from "../../../platform/dns/update.ts";
import { delegationTarget } from "../certificate/index.ts";
import { baseNameOf } from "./limit-rules.ts";
import type { ChallengeAnswer } from "./order-store.ts";
import { lookUntil } from "./patience.ts";

export type DnsAnswer = Extract<ChallengeAnswer, { method: "dns-01" }>;

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

/** Does the customer's CNAME lead to where this account's proofs are written? */
export async function isDelegated(
  resolver: Resolver,
  { name, accountId, zone }: { name: string; accountId: string; zone: string },
  signal: AbortSignal,
): Promise<boolean> {
  const answer = await resolver.resolve(askedNameOf(name), "CNAME", { signal });
  return answer.kind === "found" && answer.values.includes(recordNameOf(name, accountId, zone));
}

/** Values that are there already are left as they are. */
export async function publishInZone(
  zone: ZoneUpdater,
  answers: readonly DnsAnswer[],
  signal: AbortSignal,
): Promise<void> {
  for (const { record, proof } of answers) await zone.addTxt(record, proof, TTL_SECONDS, { signal });
}

export async function withdrawFromZone(
  zone: ZoneUpdater,
  answers: readonly DnsAnswer[],
  signal: AbortSignal,
): Promise<void> {
  for (const { record, proof } of answers) await zone.removeTxt(record, proof, { signal });
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
