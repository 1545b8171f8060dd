// Policies of an account beside the built-in ones: what their rules may be, and who has which name. No input or output.
import type { AccelerationType, DesiredCacheRule } from "../../../edge-templates/index.ts";
import type { FieldFault } from "../../../platform/problem.ts";
import { type CacheRuleBody, cacheRuleFaults } from "../rule/index.ts";
import { type BuiltInPolicy, builtInPolicies } from "./built-in.ts";

/** Half of what a document holds (edge-templates/document.ts): the rest is the distribution's own. */
const RULES_BYTES_MAX = 16 * 1024;

const builtIns: readonly BuiltInPolicy[] = Object.values(builtInPolicies);

export function findBuiltIn(id: string): BuiltInPolicy | undefined {
  return builtIns.find((policy) => policy.id === id);
}

/** Whose name it is already: nobody's, or that of a policy other than this one. Letters count whatever their case. */
export function isNameTaken(
  name: string,
  others: readonly { readonly id: string; readonly name: string }[],
  id: string,
): boolean {
  return [...builtIns, ...others].some(
    (policy) => policy.id !== id && policy.name.toLowerCase() === name.toLowerCase(),
  );
}

export function policyRuleFaults(rules: readonly CacheRuleBody[]): readonly FieldFault[] {
  const bytes = Buffer.byteLength(JSON.stringify(rules));
  return [
    ...rules.flatMap((rule, index) =>
      cacheRuleFaults(rule).map(({ pointer, detail }) => ({ pointer: `/rules/${index}${pointer}`, detail })),
    ),
    ...(bytes > RULES_BYTES_MAX
      ? [{ pointer: "/rules", detail: `have ${bytes} bytes together; an edge takes ${RULES_BYTES_MAX} at most.` }]
      : []),
  ];
}

/** The policy of a distribution that names none. */
export function defaultRules({
  accelerationType,
  isLivestream,
}: {
  readonly accelerationType: AccelerationType;
  readonly isLivestream: boolean;
}): readonly DesiredCacheRule[] {
  return builtInPolicies[isLivestream ? "livestream" : accelerationType].rules;
}
