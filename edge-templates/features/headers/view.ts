// From header rules to the `headers` part of a document.
import type { DesiredDistribution, DesiredHeaderRule } from "../../desired.ts";
import type { HeadersInput } from "./schema.ts";

export function headersPart({ headerRules }: DesiredDistribution): HeadersInput | undefined {
  if (headerRules.length === 0) return undefined;
  return { request: rulesOf("request", headerRules), response: rulesOf("response", headerRules) };
}

function rulesOf(phase: DesiredHeaderRule["phase"], rules: readonly DesiredHeaderRule[]) {
  const ofPhase = rules.filter((rule) => rule.phase === phase);
  if (ofPhase.length === 0) return undefined;
  return ofPhase.map(({ action, name, value, paths }) =>
    action === "remove" ? { action, name, paths } : { action, name, value, paths },
  );
}
