// RFC 8659: which authorities may issue for a name, as its CAA records say. No input or output.
import { baseNameOf } from "./limit-rules.ts";
import type { Method } from "./words.ts";

export interface CaaRecord {
  readonly critical: boolean;
  readonly tag: string;
  readonly value: string;
}

const KNOWN_TAGS = new Set(["issue", "issuewild", "issuemail", "issuevmc", "iodef", "contactemail", "contactphone"]);

export interface Asker {
  readonly name: string;
  readonly method: Method;
  /** As the authority calls itself. */
  readonly identities: readonly string[];
  readonly accountUrl: string | undefined;
}

/** The names whose records count, nearest first: the first that has any decides (§3). */
export function climb(name: string): readonly string[] {
  const labels = baseNameOf(name).split(".");
  return labels.map((_, index) => labels.slice(index).join("."));
}

/** Why these records, found at `at`, forbid it; undefined: they do not. */
export function caaRefusal(records: readonly CaaRecord[], at: string, asker: Asker): string | undefined {
  const unknown = records.find(({ critical, tag }) => critical && !KNOWN_TAGS.has(tag.toLowerCase()));
  if (unknown !== undefined)
    return `The CAA records of ${at} have a critical tag that authorities do not know (${unknown.tag}): remove it.`;
  const relevant = relevantTo(records, asker.name);
  // Without an issue tag nothing is forbidden (§4.2); an authority that does not name itself judges them alone.
  if (relevant.length === 0 || asker.identities.length === 0) return undefined;
  if (relevant.some(({ value }) => allows(value, asker))) return undefined;
  const [identity] = asker.identities;
  const tag = asker.name.startsWith("*.") ? "issuewild" : "issue";
  return `The CAA records of ${at} do not let ${identity} issue for ${asker.name}: add  ${at}. CAA 0 ${tag} "${identity}"  or remove them.`;
}

/** §4.3: for a wildcard, issuewild takes the place of issue where there is one. */
function relevantTo(records: readonly CaaRecord[], name: string): readonly CaaRecord[] {
  const tagged = (wanted: string) => records.filter(({ tag }) => tag.toLowerCase() === wanted);
  const wild = tagged("issuewild");
  return name.startsWith("*.") && wild.length > 0 ? wild : tagged("issue");
}

/** An issuer's name, and parameters behind semicolons, of which RFC 8657 defines two. */
function allows(value: string, { method, identities, accountUrl }: Asker): boolean {
  const [issuer = "", ...rest] = value.split(";").map((part) => part.trim());
  if (!identities.some((identity) => identity.toLowerCase() === issuer.toLowerCase())) return false;
  return rest.every((parameter) => {
    const [key = "", ...content] = parameter.split("=");
    const text = content.join("=").trim();
    if (key.trim().toLowerCase() === "accounturi") return accountUrl === undefined || text === accountUrl;
    if (key.trim().toLowerCase() === "validationmethods")
      return text.split(",").some((allowed) => allowed.trim().toLowerCase() === method);
    return true;
  });
}
