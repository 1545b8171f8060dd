// From desired access rules to the `access` part of a document.
import type { DesiredAccessRule, DesiredDistribution } from "../../desired.ts";
import type { AccessInput } from "./schema.ts";

export function accessPart({ accessRules }: DesiredDistribution): AccessInput | undefined {
  return accessRules.length === 0 ? undefined : accessRules.map(ruleOf);
}

function ruleOf(rule: DesiredAccessRule): AccessInput[number] {
  const { action, paths } = rule;
  switch (rule.type) {
    case "country":
      return { type: "country", action, paths, countries: rule.countries };
    case "ip":
      return { type: "ip", action, paths, networks: rule.networks };
    case "referrer":
      return { type: "referrer", action, paths, hosts: rule.hosts, ...(rule.isEmptyNamed ? { empty: true } : {}) };
    case "user_agent":
      return { type: "user_agent", action, paths, patterns: [...rule.patterns] };
    case "signed_url":
      return { type: "signed_url", action: "allow", paths, secrets: rule.secretIds };
  }
}
