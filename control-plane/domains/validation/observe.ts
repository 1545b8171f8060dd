// Asks every resolver about a name, all at once. What they say is theirs: nothing is judged here.
import { randomBytes } from "node:crypto";
import type { DnsAnswer, Resolver } from "../../../platform/dns/resolver.ts";
import type { Looked, Observation, View } from "./observation.ts";
import { baseOf, isWildcard, tokenNameOf } from "./rules.ts";

/** CNAMEs in a row; resolvers themselves give up at about as many. */
const HOPS_MAX = 8;
/** Of one answer: a name that has more is none that leads here. */
const VALUES_MAX = 50;
/** Of the targets of claims that are resolved too. */
const TARGETS_MAX = 5;

export interface Wanted {
  readonly name: string;
  /** The targets of the claims on it. */
  readonly cnames: readonly string[];
  readonly at: Date;
}

export async function observe(
  resolvers: readonly Resolver[],
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Observation> {
  const { name, at } = wanted;
  // A name that was never asked for before: a single record below the wildcard cannot pass for it, and nobody has it cached.
  const probed = isWildcard(name) ? `edgewright-${randomBytes(6).toString("hex")}.${baseOf(name)}` : name;
  const views = await Promise.all(resolvers.map((resolver) => viewOf(resolver, { ...wanted, probed }, signal)));
  return { name, probed, at, views };
}

async function viewOf(resolver: Resolver, wanted: Wanted & { probed: string }, signal: AbortSignal): Promise<View> {
  const { name, probed, cnames } = wanted;
  const ask = (asked: string, type: "A" | "AAAA" | "TXT") => resolver.resolve(asked, type, { signal });
  const [chain, ipv4, ipv6, texts, delegation, targets] = await Promise.all([
    chainOf(resolver, probed, signal),
    ask(probed, "A"),
    ask(probed, "AAAA"),
    ask(tokenNameOf(name), "TXT"),
    isWildcard(name) ? chainOf(resolver, `_acme-challenge.${baseOf(name)}`, signal) : NOTHING,
    addressesOf(resolver, cnames.slice(0, TARGETS_MAX), signal),
  ]);
  const words = { ipv4: lookedOf(ipv4), ipv6: lookedOf(ipv6), texts: lookedOf(texts) };
  return { resolver: ipv4.resolver, chain, ...words, delegation, targets };
}

const NOTHING: Looked = { kind: "nothing" };

/** Hop by hop: a target that has no address yet is seen all the same. */
async function chainOf(resolver: Resolver, name: string, signal: AbortSignal): Promise<Looked> {
  const hops: string[] = [];
  while (hops.length < HOPS_MAX) {
    const answer = await resolver.resolve(hops.at(-1) ?? name, "CNAME", { signal });
    if (answer.kind === "failed") {
      // What was seen up to here is certain.
      return hops.length > 0 ? { kind: "found", values: hops } : { kind: "failed", reason: answer.reason };
    }
    const [next] = answer.kind === "found" ? answer.values : [];
    if (next === undefined || hops.includes(next) || next === name) break;
    hops.push(next);
  }
  return hops.length > 0 ? { kind: "found", values: hops } : NOTHING;
}

async function addressesOf(
  resolver: Resolver,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = await Promise.all(
    names.map(async (name): Promise<[string, readonly string[]]> => {
      const answers = await Promise.all([
        resolver.resolve(name, "A", { signal }),
        resolver.resolve(name, "AAAA", { signal }),
      ]);
      return [name, answers.flatMap((answer) => (answer.kind === "found" ? answer.values : []))];
    }),
  );
  return new Map(found);
}

function lookedOf(answer: DnsAnswer<string>): Looked {
  if (answer.kind === "failed") return { kind: "failed", reason: answer.reason };
  return answer.kind === "found" ? { kind: "found", values: answer.values.slice(0, VALUES_MAX) } : NOTHING;
}
