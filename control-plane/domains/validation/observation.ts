// What DNS says about a name at one moment: every resolver's own words, and what they agree on. No input or output.

/** What one question got. `nothing`: the resolver answered that there is none. */
export type Looked =
  | { readonly kind: "found"; readonly values: readonly string[] }
  | { readonly kind: "nothing" }
  | { readonly kind: "failed"; readonly reason: string };

/** What one resolver says. */
export interface View {
  readonly resolver: string;
  /** The names that the CNAMEs lead to, one after the other. */
  readonly chain: Looked;
  readonly ipv4: Looked;
  readonly ipv6: Looked;
  /** The texts where a token would stand. */
  readonly texts: Looked;
  /** Wildcards only: where the name of their ACME challenge leads to. */
  readonly delegation: Looked;
  /** What the targets of the claims resolve to. */
  readonly targets: ReadonlyMap<string, readonly string[]>;
}

export interface Observation {
  readonly name: string;
  /** The name itself; for a wildcard, one that nobody could have foreseen below it. */
  readonly probed: string;
  /** When the look began. */
  readonly at: Date;
  readonly views: readonly View[];
}

/** `unknown`: no resolver answered. `mixed`: they do not agree, as while a change spreads. */
export type Agreement = "yes" | "no" | "mixed" | "unknown";

export function agreementOf(answers: readonly (boolean | undefined)[]): Agreement {
  const known = answers.filter((answer) => answer !== undefined);
  if (known.length === 0) return "unknown";
  if (known.every(Boolean)) return "yes";
  return known.some(Boolean) ? "mixed" : "no";
}

/** Undefined: this resolver did not say. */
export function leadsTo(looked: Looked, value: string): boolean | undefined {
  if (looked.kind === "failed") return undefined;
  return looked.kind === "found" && looked.values.includes(value);
}

export function valuesOf(looked: Looked): readonly string[] {
  return looked.kind === "found" ? looked.values : [];
}

/** Every name that the CNAMEs led to, at any resolver. */
export function targetsIn({ views }: Pick<Observation, "views">): readonly string[] {
  return [...new Set(views.flatMap(({ chain }) => valuesOf(chain)))];
}

/** Those of the targets that belong to other accounts than this one. */
export function foreignAmong(owners: ReadonlyMap<string, string>, accountId: string): ReadonlySet<string> {
  return new Set([...owners].flatMap(([target, owner]) => (owner === accountId ? [] : [target])));
}
