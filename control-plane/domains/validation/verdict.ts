// What a look means for one claim: each check with what was found, what was expected and what would mend it. No clock, no
// input or output.
import { type Agreement, agreementOf, type Looked, leadsTo, type Observation, valuesOf } from "./observation.ts";
import type { Reached } from "./reach.ts";
import { delegationRecord, pointingRecords, tokenRecord, tokenText } from "./records.ts";
import { baseOf, type Here, isApex, isWildcard, type Pointing, type Proof, pointingOf, tokenNameOf } from "./rules.ts";
import type { CheckReport, Finding, Report } from "./schema.ts";

const FINDINGS_MAX = 24;
const VALUES_SHOWN = 10;
const VALUE_LENGTH_SHOWN = 255;

export interface Subject {
  readonly name: string;
  readonly cname: string;
  readonly token: string;
  readonly isServing: boolean;
  /** Of the targets that it was seen to lead to, those of other accounts. */
  readonly foreign: ReadonlySet<string>;
  readonly proof: Proof;
  /** Where the ACME challenges of a wildcard are to be delegated to. */
  readonly delegationTarget: string;
}

export interface Seen {
  readonly observation: Observation;
  readonly reached: readonly Reached[];
  /** Of all edges that the platform knows of. */
  readonly edges: ReadonlySet<string>;
}

export interface Verdict {
  readonly pointing: Pointing;
  readonly acme: Agreement;
  readonly report: Report;
}

export function verdictOn(subject: Subject, seen: Seen): Verdict {
  const pointing = pointingOf(seen.observation, { ...subject, edges: seen.edges, vouched: vouchedFor(subject, seen) });
  const acme = acmeAgreement(subject, seen);
  const checks = [
    pointingCheck(subject, seen, pointing),
    ownershipCheck(subject, seen),
    isWildcard(subject.name) ? delegationCheck(subject, seen, acme) : reachCheck(subject, seen, acme),
  ];
  return { pointing, acme, report: { ...standingOf(subject, pointing.agreement, acme), checks } };
}

function vouchedFor({ name, token }: Subject, { reached }: Seen): Here["vouched"] {
  if (!isApex(name)) return null;
  const addresses = reached.flatMap(({ address, outcome }) => (outcome === "right" ? [address] : []));
  return { by: tokenText(token), addresses: new Set(addresses) };
}

function standingOf(
  { name, isServing }: Subject,
  pointing: Agreement,
  acme: Agreement,
): Pick<Report, "status" | "detail"> {
  if (!isServing) {
    const detail = `${name} is served for another account. Add one of the records of the check "ownership", and it is yours.`;
    return { status: "not_served", detail };
  }
  if (pointing === "mixed") {
    return { status: "changing", detail: `Not all resolvers say the same of ${name} yet: what held before holds on.` };
  }
  if (pointing === "unknown") {
    return { status: "unknown", detail: `No resolver answered for ${name}: what held before holds on.` };
  }
  if (pointing === "no") {
    return {
      status: "not_pointing",
      detail: `${name} does not lead here: add the record that the check "pointing" names.`,
    };
  }
  if (acme === "yes")
    return { status: "valid", detail: `${name} leads here, and a certificate authority gets its answer.` };
  const detail = `${name} leads here, but a certificate authority would not get its answer: see the check "acme".`;
  return { status: "unreachable", detail };
}

const STATUS: Readonly<Record<Agreement, CheckReport["status"]>> = {
  yes: "passed",
  no: "failed",
  mixed: "unknown",
  unknown: "unknown",
};

function pointingCheck(
  { name, cname, token }: Subject,
  { observation, edges }: Seen,
  { agreement, by }: Pointing,
): CheckReport {
  const addresses = edgeAddresses(cname, { observation, edges });
  return {
    check: "pointing",
    status: STATUS[agreement],
    detail: pointingDetail(name, cname, { agreement, by }, observation),
    expected: [
      `CNAME ${cname}`,
      ...(addresses.length > 0 ? [`addresses of edges alone: ${addresses.join(", ")}`] : []),
      ...(isApex(name)
        ? [`TXT ${tokenText(token)} at ${tokenNameOf(name)}, and an edge's answer at every address`]
        : []),
    ],
    found: observation.views
      .flatMap(({ resolver, chain, ipv4, ipv6 }) => [
        findingOf({ at: resolver, type: "CNAME", name: observation.probed }, chain),
        findingOf({ at: resolver, type: "A", name: observation.probed }, ipv4),
        findingOf({ at: resolver, type: "AAAA", name: observation.probed }, ipv6),
      ])
      .slice(0, FINDINGS_MAX),
    records_to_add: agreement === "yes" ? [] : pointingRecords(name, cname, addresses),
  };
}

function pointingDetail(name: string, cname: string, { agreement, by }: Pointing, { views }: Observation): string {
  if (agreement === "unknown") return "No resolver answered; this says nothing about the domain.";
  if (agreement === "mixed")
    return "Some resolvers see the domain lead here, others do not: a change is on its way, or half done.";
  if (by === "cname") return `The CNAME leads to ${cname}.`;
  if (by === "address") return "All its addresses are edges of this platform.";
  if (by === "token") return "The TXT record vouches for its addresses, and edges answer at all of them.";
  const [chain, addresses] = [
    views.flatMap((view) => valuesOf(view.chain)),
    views.flatMap((view) => [...valuesOf(view.ipv4), ...valuesOf(view.ipv6)]),
  ];
  const [first] = chain;
  if (first !== undefined) return `The CNAME leads to ${first}, not to ${cname}: change it.`;
  if (addresses.length === 0) return `There is no record of ${name}: add it.`;
  const instead = isApex(name)
    ? "replace the addresses by those of the edges, or use your DNS provider's ALIAS to the cname"
    : `replace them by a CNAME to ${cname}`;
  return `Not all its addresses (${[...new Set(addresses)].slice(0, VALUES_SHOWN).join(", ")}) are edges: ${instead}.`;
}

/** What the platform knows, and what the target itself resolves to. */
function edgeAddresses(cname: string, { observation, edges }: Pick<Seen, "observation" | "edges">): readonly string[] {
  const resolved = observation.views.flatMap((view) => view.targets.get(cname) ?? []);
  return [...new Set(resolved.length > 0 ? resolved : edges)].sort();
}

function ownershipCheck({ name, cname, token, isServing, proof }: Subject, { observation }: Seen): CheckReport {
  const [dnsCname, txt] = [pointingRecords(name, cname, []), tokenRecord(name, token)];
  return {
    check: "ownership",
    status: proof === "none" ? (isServing ? "not_needed" : "failed") : isServing ? "passed" : "failed",
    detail: ownershipDetail(isServing, proof),
    expected: [`CNAME ${cname}`, `TXT ${tokenText(token)} at ${tokenNameOf(name)}`],
    found: observation.views
      .map(({ resolver, texts }) => findingOf({ at: resolver, type: "TXT", name: tokenNameOf(name) }, texts))
      .slice(0, FINDINGS_MAX),
    records_to_add: isServing && proof !== "none" ? [] : isApex(name) ? [txt] : isServing ? [txt] : [...dnsCname, txt],
  };
}

function ownershipDetail(isServing: boolean, proof: Proof): string {
  if (isServing && proof === "cname") return "A CNAME to this distribution's own target proves it.";
  if (isServing && proof === "token") return "The TXT record proves it.";
  if (isServing) {
    return "Nobody else has proven that the domain is theirs. The TXT record keeps it yours, should somebody try.";
  }
  if (proof === "token") {
    return "The TXT record is there, but another account has proof as good or better: a CNAME to this distribution's own target settles it.";
  }
  return "The domain is served for another account. Either record proves that it is yours; the CNAME counts more.";
}

function acmeAgreement({ name, delegationTarget }: Subject, { observation, reached }: Seen): Agreement {
  if (isWildcard(name)) {
    return agreementOf(observation.views.map(({ delegation }) => leadsTo(delegation, delegationTarget)));
  }
  if (reached.some(({ outcome }) => outcome === "wrong")) return "no";
  if (reached.some(({ outcome }) => outcome === "right")) return "yes";
  if (reached.length > 0) return "no";
  const isSilent = observation.views.every(({ ipv4, ipv6 }) => ipv4.kind === "failed" && ipv6.kind === "failed");
  return isSilent ? "unknown" : "no";
}

function reachCheck({ name }: Subject, { reached }: Seen, acme: Agreement): CheckReport {
  return {
    check: "acme",
    status: STATUS[acme],
    detail: reachDetail(name, reached, acme),
    expected: ["an edge's answer over plain HTTP, port 80, at every address of the domain"],
    found: reached.map(({ address, outcome, detail }) => ({
      ...{ at: address, type: "HTTP", name },
      values: outcome === "right" || outcome === "wrong" ? [detail] : [],
      fault: outcome === "right" || outcome === "wrong" ? null : detail,
    })),
    // What is amiss here is mended by what the check "pointing" says, or not in DNS.
    records_to_add: [],
  };
}

function reachDetail(name: string, reached: readonly Reached[], acme: Agreement): string {
  if (acme === "yes") return "The edges answer for it, as a certificate authority asks by HTTP-01.";
  if (acme === "unknown") return "No resolver gave its addresses; this says nothing about the domain.";
  if (reached.length === 0) return `${name} has no address that could be asked.`;
  const told = reached
    .filter(({ outcome }) => outcome !== "right")
    .map(({ address, detail }) => `${address} ${detail}`);
  return `${told.join("; ")}. A certificate authority may ask any address: all must be edges, and port 80 open.`;
}

function delegationCheck({ name, delegationTarget }: Subject, { observation }: Seen, acme: Agreement): CheckReport {
  const at = `_acme-challenge.${baseOf(name)}`;
  return {
    check: "acme",
    status: STATUS[acme],
    detail:
      acme === "yes"
        ? "Its challenges are delegated here, so a certificate authority gets its answer by DNS-01."
        : "Certificates of wildcards are got by DNS-01 alone: delegate its challenges once, by this CNAME.",
    expected: [`CNAME ${delegationTarget} at ${at}`],
    found: observation.views
      .map(({ resolver, delegation }) => findingOf({ at: resolver, type: "CNAME", name: at }, delegation))
      .slice(0, FINDINGS_MAX),
    records_to_add: acme === "yes" ? [] : [delegationRecord(name, delegationTarget)],
  };
}

function findingOf(asked: Pick<Finding, "at" | "type" | "name">, looked: Looked): Finding {
  return {
    ...asked,
    values: valuesOf(looked)
      .slice(0, VALUES_SHOWN)
      .map((value) => value.slice(0, VALUE_LENGTH_SHOWN)),
    fault: looked.kind === "failed" ? looked.reason : null,
  };
}
