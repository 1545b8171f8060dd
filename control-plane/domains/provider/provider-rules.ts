// What operators may say of each provider, and what is missing. No input or output.
import type { FieldFault } from "../../../platform/problem.ts";
import type { ProviderInput } from "./schema.ts";
import { gcoreSettings, titles, tmSwiftSettings, type UrlPolicy, urlFault } from "./settings.ts";
import type { ProviderName } from "./statistics.ts";

export interface Wanted {
  readonly settings: unknown;
  readonly isEnabled: boolean;
}

/** With the defaults of what was not set. */
export interface WholeSettings {
  readonly base_url: string;
  readonly delivery_url: string | null;
  readonly customer_id: string | null;
  readonly paths: Readonly<Record<string, string>>;
}

const SECRETS = { gcore: ["api_token"], tm_swift: ["key_id", "key_secret"] } as const satisfies Record<
  ProviderName,
  readonly (keyof ProviderInput)[]
>;
const OTHERS = { gcore: ["base_url"], tm_swift: ["base_url", "delivery_url", "customer_id"] } as const satisfies Record<
  ProviderName,
  readonly (keyof ProviderInput)[]
>;
const FIELDS = ["api_token", "key_id", "key_secret", "customer_id", "base_url", "delivery_url"] as const;
const URLS = ["base_url", "delivery_url"] as const;

export function settingsOf(name: ProviderName, given: unknown): WholeSettings {
  if (name === "gcore") return { delivery_url: null, customer_id: null, ...gcoreSettings.parse(given) };
  return tmSwiftSettings.parse(given);
}

/** Before anything is set. */
export function defaultsOf(name: ProviderName): WholeSettings {
  if (name === "gcore") return settingsOf(name, {});
  return { ...tmSwiftSettings.parse({ customer_id: "" }), customer_id: null };
}

/** `former`: what is set now, with credentials. */
export function inputFaults(
  name: ProviderName,
  input: ProviderInput,
  { former, policy }: { former: { settings: WholeSettings } | undefined; policy: UrlPolicy },
): readonly FieldFault[] {
  const faults: FieldFault[] = foreignFaults(name, input);
  for (const field of URLS) {
    const text = input[field];
    const fault = text === undefined ? undefined : urlFault(text, policy);
    if (fault !== undefined) faults.push({ pointer: `/${field}`, detail: fault });
  }
  if (name === "tm_swift" && input.customer_id === undefined) {
    faults.push({ pointer: "/customer_id", detail: "must be given: it is who we are at TM Swift." });
  }
  return [...faults, ...secretFaults(name, input, former?.settings)];
}

/** What is another provider's. */
function foreignFaults(name: ProviderName, input: ProviderInput): FieldFault[] {
  const own: readonly string[] = [...SECRETS[name], ...OTHERS[name]];
  const fields = FIELDS.filter((field) => input[field] !== undefined && !own.includes(field));
  const known = Object.keys(defaultsOf(name).paths);
  const paths = Object.keys(input.paths ?? {}).filter((path) => !known.includes(path));
  return [
    ...fields.map((field) => ({
      pointer: `/${field}`,
      detail: `is not for ${titles[name]}: it has ${own.join(", ")}.`,
    })),
    ...paths.map((path) => ({
      pointer: `/paths/${path.replaceAll("~", "~0").replaceAll("/", "~1")}`,
      detail: `is no path of ${titles[name]}: it has ${known.join(", ")}.`,
    })),
  ];
}

function secretFaults(name: ProviderName, input: ProviderInput, former: WholeSettings | undefined): FieldFault[] {
  const missing = SECRETS[name].filter((field) => input[field] === undefined);
  if (missing.length === 0) return [];
  const isGiven = missing.length < SECRETS[name].length;
  if (former !== undefined && !isGiven && isSentThere(name, input, former)) return [];
  const why = isGiven
    ? "must be given with the other one."
    : former === undefined
      ? "must be given."
      : "must be given again: it would be sent to another host than before.";
  return missing.map((field) => ({ pointer: `/${field}`, detail: why }));
}

function isSentThere(name: ProviderName, input: ProviderInput, former: WholeSettings): boolean {
  const defaults = defaultsOf(name);
  return URLS.every((field) => (input[field] ?? defaults[field]) === former[field]);
}

/** Undefined: those that are there stay. */
export function credentialsOf(name: ProviderName, input: ProviderInput): Readonly<Record<string, string>> | undefined {
  const given = SECRETS[name].flatMap((field) => {
    const value = input[field];
    return value === undefined ? [] : [[field, value] as const];
  });
  return given.length === 0 ? undefined : Object.fromEntries(given);
}
