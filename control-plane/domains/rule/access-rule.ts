// Access rules: who is let in. Each type names viewers by something else.
import { isIP } from "node:net";
import { z } from "zod";
import type { DesiredAccessRule } from "../../../edge-templates/index.ts";
import { canonicalHostName } from "../../../platform/host-name.ts";
import type { FieldFault } from "../../../platform/problem.ts";
import { canonical, fault, listOf } from "./canonical.ts";
import { COUNTRIES_MAX, country } from "./country.ts";
import { defineRuleKind, description, keptId, position, repliedFields, storedPaths } from "./kind.ts";
import { network } from "./network.ts";
import { pathPatterns } from "./path-pattern.ts";

const SECRETS_MAX = 2;
const AGENT_STARS_MAX = 8;
const PRINTABLE = /^[\x20-\x7e]+$/;

const host = canonical(z.string().min(1).max(255), (input) => {
  const isWildcard = input.startsWith("*.");
  const name = canonicalHostName(isWildcard ? input.slice(2) : input);
  if (name === undefined || isIP(name) !== 0) {
    return fault("must be a host name such as example.com, or *.example.com for those below it, without https://.");
  }
  return isWildcard ? `*.${name}` : name;
});

const agentPattern = canonical(z.string().max(256), (input) => {
  if (!PRINTABLE.test(input)) return fault("must be a text of printable ASCII characters, with * for any run of them.");
  const pattern = input.replaceAll(/\*{2,}/g, "*");
  return pattern.split("*").length - 1 > AGENT_STARS_MAX ? fault(`must hold ${AGENT_STARS_MAX} * at most.`) : pattern;
});

const secret = z.string().min(16).max(256).regex(PRINTABLE, { error: "must be printable ASCII characters." });

const action = z.enum(["allow", "deny"]).meta({
  description: "`deny`: what the rule names is refused. `allow`: everything else is.",
});
const allow = z.literal("allow", { error: "must be allow: it is URLs with a signature that are let in." });
const isEmptyNamed = z.boolean().meta({ description: "True: requests without a Referer count as named." });

/** What each type names viewers by. */
const names = {
  country: { countries: listOf(country, { countMin: 1, countMax: COUNTRIES_MAX }) },
  ip: { networks: listOf(network, { countMin: 1, countMax: 500 }) },
  referrer: { hosts: listOf(host, { countMin: 1, countMax: 200 }), is_empty_named: isEmptyNamed },
  user_agent: {
    patterns: listOf(agentPattern, { countMin: 1, countMax: 100 }).meta({
      description: "Texts with `*`, compared with the whole User-Agent, whatever their case.",
    }),
  },
  signed_url: {
    secrets: z
      .array(secret)
      .min(1)
      .max(SECRETS_MAX, { error: `must hold ${SECRETS_MAX} at most: one that is used, and one that takes over.` })
      .meta({ description: "Write-only. Two while one takes over from the other.", writeOnly: true }),
  },
};

type Shape = Readonly<Record<string, z.ZodType>>;
const said = { paths: pathPatterns.default([]), description: description.default("") };
const sayType = { error: "must be country, ip, referrer, user_agent or signed_url." };

function inputOf<Extra extends Shape>(extra: Extra) {
  return z.discriminatedUnion(
    "type",
    [
      z.strictObject({ type: z.literal("country"), action, ...names.country, ...said, ...extra }),
      z.strictObject({ type: z.literal("ip"), action, ...names.ip, ...said, ...extra }),
      z.strictObject({
        type: z.literal("referrer"),
        action,
        hosts: names.referrer.hosts,
        is_empty_named: isEmptyNamed.default(true),
        ...said,
        ...extra,
      }),
      z.strictObject({ type: z.literal("user_agent"), action, ...names.user_agent, ...said, ...extra }),
      z.strictObject({
        type: z.literal("signed_url"),
        action: allow.default("allow"),
        secrets: names.signed_url.secrets.optional().meta({
          description:
            "Write-only. Two while one takes over from the other. A rule that has some may leave it out and keeps them.",
          writeOnly: true,
        }),
        ...said,
        ...extra,
      }),
    ],
    sayType,
  );
}

function storedOf<Extra extends Shape>(extra: Extra) {
  const common = { paths: storedPaths, description: z.string(), ...extra };
  return z.discriminatedUnion("type", [
    z.object({ type: z.literal("country"), action, countries: z.array(z.string()), ...common }),
    z.object({ type: z.literal("ip"), action, networks: z.array(z.string()), ...common }),
    z.object({
      type: z.literal("referrer"),
      action,
      hosts: z.array(z.string()),
      is_empty_named: isEmptyNamed,
      ...common,
    }),
    z.object({ type: z.literal("user_agent"), action, patterns: z.array(z.string()), ...common }),
    z.object({ type: z.literal("signed_url"), action: z.literal("allow"), secret_ids: z.array(z.uuid()), ...common }),
  ]);
}

const body = storedOf({});
type AccessRuleBody = z.output<typeof body>;

function faultsOf(rule: AccessRuleBody): readonly FieldFault[] {
  if (rule.type !== "signed_url" || rule.secret_ids.length > 0) return [];
  return [{ pointer: "/secrets", detail: "is required: one or two texts of 16 to 256 characters to sign with." }];
}

/** A patch is parsed before its rule is known: what the rule's type does not have is a fault, its type stays. */
function patchFaultsOf(rule: AccessRuleBody, patch: object): readonly FieldFault[] {
  const own: readonly string[] = [
    "type",
    "action",
    "paths",
    "description",
    "position",
    ...Object.keys(names[rule.type]),
  ];
  return Object.entries(patch).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (!own.includes(name)) return [{ pointer: `/${name}`, detail: `is no field of a rule of type ${rule.type}.` }];
    if (name === "type" && value !== rule.type) {
      return [{ pointer: "/type", detail: `is ${rule.type} and stays so: delete this rule and add another one.` }];
    }
    if (name === "action" && rule.type === "signed_url" && value !== "allow") {
      return [{ pointer: "/action", detail: "must be allow: it is URLs with a signature that are let in." }];
    }
    return [];
  });
}

export const accessRule = defineRuleKind({
  name: "access_rule",
  path: "access-rules",
  operation: "AccessRule",
  noun: "access rule",
  about: "who is let in, or refused",
  countMax: 50,
  schemas: {
    create: inputOf({ position }),
    item: inputOf({ id: keptId }),
    patch: z
      .strictObject({
        type: z.enum(["country", "ip", "referrer", "user_agent", "signed_url"], sayType),
        action,
        ...names.country,
        ...names.ip,
        ...names.referrer,
        ...names.user_agent,
        ...names.signed_url,
        paths: pathPatterns,
        description,
        position,
      })
      .partial(),
    reply: storedOf(repliedFields),
  },
  body,
  faultsOf,
  patchFaultsOf,
  example: {
    type: "ip",
    action: "allow",
    networks: ["192.0.2.0/24", "2001:db8::/32"],
    paths: ["/admin/*"],
    description: "The office",
  },
});

export function desiredAccessRule(stored: unknown): DesiredAccessRule {
  const rule = body.parse(stored);
  const { paths, action } = rule;
  switch (rule.type) {
    case "country":
      return { paths, action, type: "country", countries: rule.countries };
    case "ip":
      return { paths, action, type: "ip", networks: rule.networks };
    case "referrer":
      return { paths, action, type: "referrer", hosts: rule.hosts, isEmptyNamed: rule.is_empty_named };
    case "user_agent":
      return { paths, action, type: "user_agent", patterns: rule.patterns };
    case "signed_url":
      return { paths, action, type: "signed_url", secretIds: rule.secret_ids };
  }
}
