// Who serves a name, whether it leads here, when to look again. No clock, no input or output.
import { getDomain } from "tldts";
import { type Agreement, agreementOf, leadsTo, type Observation, type View, valuesOf } from "./observation.ts";

/** A CNAME to one's own target is exclusive; a token may stand beside others. */
export const proofs = ["none", "token", "cname"] as const;
export type Proof = (typeof proofs)[number];

export const TOKEN_PREFIX = "edgewright-verify=";

export function isWildcard(name: string): boolean {
  return name.startsWith("*.");
}

export function baseOf(name: string): string {
  return isWildcard(name) ? name.slice(2) : name;
}

/** Where the token of a name is looked for. */
export function tokenNameOf(name: string): string {
  return `_edgewright.${baseOf(name)}`;
}

/** No CNAME can stand at the top of a zone: RFC 1912 §2.4. */
export function isApex(name: string): boolean {
  return getDomain(name, { allowPrivateDomains: false }) === name;
}

/** What a resolver's view proves; undefined: it did not answer. */
function proofIn(view: View, { cname, token }: { cname: string; token: string }): Proof | undefined {
  const pointed = leadsTo(view.chain, cname);
  if (pointed === true) return "cname";
  const told = leadsTo(view.texts, token);
  if (pointed === undefined || told === undefined) return undefined;
  return told ? "token" : "none";
}

/**
 * What is proven by what most resolvers say with one voice. While they differ, or too few answer, what was proven before
 * stays: a change that spreads moves a name once, at its end.
 */
export function proofOf(
  { views }: Pick<Observation, "views">,
  wanted: { cname: string; token: string },
  before: Proof,
): Proof {
  const found = views.map((view) => proofIn(view, wanted));
  const known = found.filter((proof) => proof !== undefined);
  const [first] = known;
  if (first === undefined || known.length * 2 <= views.length) return before;
  return known.every((proof) => proof === first) ? first : before;
}

/** One claim on a name, as it stands against the others. */
export interface Contender {
  readonly id: string;
  readonly proof: Proof;
  /** Null: not proven. */
  readonly provenAt: Date | null;
  readonly isServing: boolean;
  readonly createdAt: Date;
}

/** The better proof serves; of equal ones who serves already, else who proved it first, else who claimed it first. */
export function servingOf<Claim extends Contender>(contenders: readonly Claim[]): Claim | undefined {
  return [...contenders].sort(
    (one, other) =>
      proofs.indexOf(other.proof) - proofs.indexOf(one.proof) ||
      Number(other.isServing) - Number(one.isServing) ||
      timeOf(one.provenAt) - timeOf(other.provenAt) ||
      one.createdAt.getTime() - other.createdAt.getTime() ||
      one.id.localeCompare(other.id),
  )[0];
}

function timeOf(date: Date | null): number {
  return date?.getTime() ?? Number.MAX_SAFE_INTEGER;
}

type Way = "cname" | "address" | "token";

export interface Pointing {
  readonly agreement: Agreement;
  readonly by: Way | null;
}

export interface Here {
  /** The claim's own target. */
  readonly cname: string;
  /** Addresses of edges. */
  readonly edges: ReadonlySet<string>;
  /** Targets of other accounts: who leads a name there has it served for them. */
  readonly foreign: ReadonlySet<string>;
  /** Of an apex alone: addresses where edges answer, though nobody here knows them, and the text that vouches for them. */
  readonly vouched: { readonly by: string; readonly addresses: ReadonlySet<string> } | null;
}

/** Does the name lead here: by its own CNAME, because all its addresses are the edges', or by the token of an apex? */
export function pointingOf({ views }: Pick<Observation, "views">, here: Here): Pointing {
  const seen = views.map((view) => pointsIn(view, here));
  const agreement = agreementOf(seen.map((one) => (one === undefined ? undefined : one !== false)));
  const by = seen.find((one) => one !== undefined && one !== false);
  return { agreement, by: agreement === "yes" ? (by ?? null) : null };
}

function pointsIn(view: View, { cname, edges, foreign, vouched }: Here): false | Way | undefined {
  if (leadsTo(view.chain, cname) === true) return "cname";
  if (valuesOf(view.chain).some((name) => foreign.has(name))) return false;
  if (view.ipv4.kind === "failed" || view.ipv6.kind === "failed") return undefined;
  const addresses = [...valuesOf(view.ipv4), ...valuesOf(view.ipv6)];
  const ours = new Set([...edges, ...(view.targets.get(cname) ?? [])]);
  const areAll = (isFit: (address: string) => boolean) => addresses.length > 0 && addresses.every(isFit);
  if (areAll((address) => ours.has(address))) return "address";
  if (vouched === null || !areAll((address) => ours.has(address) || vouched.addresses.has(address))) return false;
  const isTold = leadsTo(view.texts, vouched.by);
  return isTold === true ? "token" : isTold;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A minute, doubling to an hour, while something is amiss; a day when all is well. `failures` in a row, this one included. */
export function nextLookMs(failures: number): number {
  return failures === 0 ? DAY_MS : Math.min(MINUTE_MS * 2 ** Math.min(failures - 1, 10), HOUR_MS);
}

const WARN_AFTER_MS = DAY_MS;
export const RENEWALS_STOP_AFTER_DAYS = 7;

/** Since when a name leads here, and since when it no longer does; both null: it never did. */
export interface Presence {
  readonly pointingSince: Date | null;
  readonly awaySince: Date | null;
  readonly warnedAt: Date | null;
}

export interface PresenceChange {
  readonly presence: Presence;
  readonly event: "arrived" | "returned" | "warn" | null;
}

/** What a look makes of it. What is not known changes nothing. */
export function presenceAfter(before: Presence, agreement: Agreement, now: Date): PresenceChange {
  if (agreement === "yes") {
    if (before.pointingSince !== null) return { presence: before, event: null };
    const event = before.awaySince === null ? "arrived" : "returned";
    return { presence: { pointingSince: now, awaySince: null, warnedAt: null }, event };
  }
  if (agreement !== "no") return { presence: before, event: null };
  if (before.pointingSince !== null) {
    return { presence: { pointingSince: null, awaySince: now, warnedAt: null }, event: null };
  }
  if (before.awaySince === null || before.warnedAt !== null) return { presence: before, event: null };
  const isLong = now.getTime() - before.awaySince.getTime() >= WARN_AFTER_MS;
  return isLong ? { presence: { ...before, warnedAt: now }, event: "warn" } : { presence: before, event: null };
}

/** A name that was here and has been away for so long gets no more certificates until it is back. */
export function isRenewalStopped({ awaySince }: Pick<Presence, "awaySince">, now: Date): boolean {
  return awaySince !== null && now.getTime() - awaySince.getTime() >= RENEWALS_STOP_AFTER_DAYS * DAY_MS;
}
