// Cache rules: which answers are kept, for how long, and what tells them apart. Cache policies are lists of them too.
import { z } from "zod";
import {
  fileExtension as canonicalExtension,
  contentTypeStart as canonicalTypeStart,
  type DesiredCacheRule,
} from "../../../edge-templates/index.ts";
import type { FieldFault } from "../../../platform/problem.ts";
import { canonical, fault, holdsControl, listOf } from "./canonical.ts";
import { headerName, keyHeaderFault } from "./header-name.ts";
import { defineRuleKind, description, keptId, position, repliedFields, storedPaths } from "./kind.ts";
import { pathPatterns } from "./path-pattern.ts";

const YEAR_SECONDS = 31_536_000;
const KEY_PARTS_MAX = 16;

const seconds = z.int().min(0).max(YEAR_SECONDS);
const modes = z.enum(["respect", "override", "bypass"]).meta({
  description:
    "`respect`: the times count where the origin is silent. `override`: always. `bypass`: nothing is stored.",
});
const queryModes = z.enum(["all", "none", "include", "exclude"]).meta({
  description: "`include`: only the parameters of `names`. `exclude`: all others.",
});

const extension = canonical(z.string().min(1).max(17), (input) => {
  const name = input.replace(/^\./, "").toLowerCase();
  return canonicalExtension.safeParse(name).success ? name : fault("must be letters and digits, such as jpg.");
});

const contentType = canonical(z.string().min(1).max(100), (input) => {
  const start = input.toLowerCase().replace(/\*$/, "");
  return canonicalTypeStart.safeParse(start).success
    ? start
    : fault("must be the beginning of a content type without parameters, such as image/ or text/css.");
});

/** As programs know it: edges undo the escapes of a query before they compare. */
const parameterName = canonical(z.string().min(1).max(128), (name) => {
  if (holdsControl(name)) return fault("must not hold control characters or broken ones.");
  if (/[\s&=#]/.test(name)) return fault("must be one name alone, without blanks, &, = or #.");
  if (/%[0-9A-F]{2}/i.test(name)) return fault("must be the name itself, not its escape: a[] instead of a%5B%5D.");
  return name;
});

// RFC 6265 § 4.1.1: a cookie's name is a token.
const cookieName = z
  .string()
  .max(128)
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, { error: "must be the name of a cookie, without = and blanks." });

const STATUS_KEY = "must be a status from 200 to 599 but 206 and 304, or a class such as 4xx.";
const statusKey = z
  .string()
  .regex(/^(?!206|304)[2-5](?:[0-9]{2}|xx)$/)
  .meta({ description: "A part (206) and a confirmation (304) have no life of their own." });
const sayStatusKey = (issue: { readonly code?: string | undefined }) =>
  issue.code === "invalid_key" ? STATUS_KEY : undefined;

const query = {
  mode: queryModes,
  names: listOf(parameterName, { countMax: KEY_PARTS_MAX }),
};
const fields = {
  paths: pathPatterns,
  extensions: listOf(extension, { countMax: 100 }).meta({ description: "Of the path's last part. None: any." }),
  content_types: listOf(contentType, { countMax: 50 }).meta({
    description: "The times hold only for answers whose Content-Type begins with one of these. None: any.",
  }),
  mode: modes,
  ttl_seconds: seconds.nullable().meta({
    description: "How long a good answer is fresh. Null: what the origin said, or its age suggests.",
  }),
  ttl_max_seconds: seconds.nullable().meta({ description: "Fresh for no longer than this, whatever the origin says." }),
  browser_ttl_seconds: seconds.nullable().meta({
    description: "What viewers are told in Cache-Control. Null: what the origin said.",
  }),
  is_private_overridden: z.boolean().meta({
    description: "True: `override` beats private, no-store and Authorization too. For answers that are nobody's own.",
  }),
  cookies: listOf(cookieName, { countMax: KEY_PARTS_MAX }).meta({ description: "Cookies that tell answers apart." }),
  headers: listOf(headerName, { countMax: KEY_PARTS_MAX }).meta({
    description: "Request headers that tell answers apart.",
  }),
  is_sliced: z.boolean().meta({ description: "Large files are fetched and kept in slices." }),
  stale_while_revalidate_seconds: seconds.nullable().meta({
    description:
      "So long after its end an answer is still given while a new one is fetched. Null: what the origin said.",
  }),
  stale_if_error_seconds: seconds.nullable().meta({
    description:
      "So long after its end an answer is given where the origin fails. Null: what the origin said, or an hour.",
  }),
  description,
};
const ttlByStatus = z.record(statusKey, seconds, { error: sayStatusKey });

const input = {
  paths: fields.paths.default([]),
  extensions: fields.extensions.default([]),
  content_types: fields.content_types.default([]),
  mode: fields.mode.default("respect"),
  ttl_seconds: fields.ttl_seconds.default(null),
  ttl_max_seconds: fields.ttl_max_seconds.default(null),
  ttl_by_status: ttlByStatus.default({}).meta({ description: "Comes before ttl_seconds." }),
  browser_ttl_seconds: fields.browser_ttl_seconds.default(null),
  is_private_overridden: fields.is_private_overridden.default(false),
  query: z
    .strictObject({ mode: query.mode.default("all"), names: query.names.default([]) })
    .prefault({})
    .meta({ description: "Which query parameters tell answers apart." }),
  cookies: fields.cookies.default([]),
  headers: fields.headers.default([]),
  is_sliced: fields.is_sliced.default(false),
  stale_while_revalidate_seconds: fields.stale_while_revalidate_seconds.default(null),
  stale_if_error_seconds: fields.stale_if_error_seconds.default(null),
  description: fields.description.default(""),
};

/** What a merge patch took away is at its default: null (RFC 7396). */
const storedSeconds = seconds.nullable().default(null);

export const cacheRuleBody = z.object({
  paths: storedPaths,
  extensions: z.array(z.string()),
  content_types: z.array(z.string()),
  mode: modes,
  ttl_seconds: storedSeconds,
  ttl_max_seconds: storedSeconds,
  ttl_by_status: z.record(z.string(), seconds),
  browser_ttl_seconds: storedSeconds,
  is_private_overridden: z.boolean(),
  query: z.object({ mode: queryModes, names: z.array(z.string()) }),
  cookies: z.array(z.string()),
  headers: z.array(z.string()),
  is_sliced: z.boolean(),
  stale_while_revalidate_seconds: storedSeconds,
  stale_if_error_seconds: storedSeconds,
  description: z.string(),
});
export type CacheRuleBody = z.output<typeof cacheRuleBody>;

export const exampleCacheRule = {
  paths: ["/images/*"],
  extensions: ["jpg", "png", "webp"],
  content_types: ["image/"],
  mode: "override" as const,
  ttl_seconds: 86_400,
  ttl_max_seconds: null,
  ttl_by_status: { "404": 60, "5xx": 0 },
  browser_ttl_seconds: 3600,
  is_private_overridden: false,
  query: { mode: "include" as const, names: ["width"] },
  cookies: [],
  headers: [],
  is_sliced: false,
  stale_while_revalidate_seconds: 60,
  stale_if_error_seconds: 86_400,
  description: "Pictures change with their URL",
};

/** A cache rule outside a distribution: in a policy. */
export const cacheRuleInput = z.strictObject(input).meta({ id: "CachePolicyRuleInput", examples: [exampleCacheRule] });

export function cacheRuleFaults(rule: CacheRuleBody): readonly FieldFault[] {
  return [...timeFaults(rule), ...(rule.mode === "bypass" ? bypassFaults(rule) : []), ...keyFaults(rule)];
}

function timeFaults(rule: CacheRuleBody): FieldFault[] {
  const faults: FieldFault[] = [];
  const longest = rule.ttl_max_seconds;
  if (rule.ttl_seconds !== null && longest !== null && rule.ttl_seconds > longest) {
    faults.push({ pointer: "/ttl_seconds", detail: `must not exceed ttl_max_seconds, ${longest}.` });
  }
  for (const [status, ttl] of Object.entries(rule.ttl_by_status)) {
    if (longest === null || ttl <= longest) continue;
    faults.push({ pointer: `/ttl_by_status/${status}`, detail: `must not exceed ttl_max_seconds, ${longest}.` });
  }
  const saysNothing = rule.ttl_seconds === null && longest === null && Object.keys(rule.ttl_by_status).length === 0;
  if (rule.mode === "override" && saysNothing) {
    faults.push({
      pointer: "/ttl_seconds",
      detail: "is required when mode is override, unless ttl_by_status or ttl_max_seconds says what overrides.",
    });
  }
  if (rule.is_private_overridden && rule.mode !== "override") {
    faults.push({ pointer: "/is_private_overridden", detail: "must be false unless mode is override." });
  }
  return faults;
}

function bypassFaults(rule: CacheRuleBody): FieldFault[] {
  const set: readonly (keyof CacheRuleBody)[] = [
    ...(["ttl_seconds", "ttl_max_seconds"] as const).filter((name) => rule[name] !== null),
    ...(Object.keys(rule.ttl_by_status).length > 0 ? (["ttl_by_status"] as const) : []),
    ...(rule.query.mode === "all" ? [] : (["query"] as const)),
    ...(["cookies", "headers"] as const).filter((name) => rule[name].length > 0),
    ...(rule.is_sliced ? (["is_sliced"] as const) : []),
    ...(["stale_while_revalidate_seconds", "stale_if_error_seconds"] as const).filter((name) => rule[name] !== null),
  ];
  return set.map((name) => ({
    pointer: `/${name}`,
    detail: "has no effect when mode is bypass, because nothing is stored: leave it out, or change the mode.",
  }));
}

function keyFaults({ query: { mode, names }, headers }: CacheRuleBody): FieldFault[] {
  const takesNames = mode === "include" || mode === "exclude";
  return [
    ...(takesNames && names.length === 0
      ? [{ pointer: "/query/names", detail: `must name the parameters when query.mode is ${mode}.` }]
      : []),
    ...(!takesNames && names.length > 0
      ? [
          {
            pointer: "/query/names",
            detail: `must be empty when query.mode is ${mode}; include and exclude take names.`,
          },
        ]
      : []),
    ...headers.flatMap((name, index) => {
      const reserved = keyHeaderFault(name);
      return reserved === undefined ? [] : [{ pointer: `/headers/${index}`, detail: `${name} ${reserved}` }];
    }),
  ];
}

export const cacheRule = defineRuleKind({
  name: "cache_rule",
  path: "cache-rules",
  operation: "CacheRule",
  noun: "cache rule",
  about: "which answers are kept, how long, and what tells them apart",
  countMax: 50,
  schemas: {
    create: z.strictObject({ ...input, position }),
    item: z.strictObject({ ...input, id: keptId }),
    patch: z
      .strictObject({
        ...fields,
        // RFC 7396: what is null inside goes, what is absent stays.
        ttl_by_status: z.record(statusKey, seconds.nullable(), { error: sayStatusKey }),
        query: z.strictObject(query).partial(),
        position,
      })
      .partial(),
    reply: z.object({ ...repliedFields, ...cacheRuleBody.shape }),
  },
  body: cacheRuleBody,
  faultsOf: cacheRuleFaults,
  example: exampleCacheRule,
});

export function desiredCacheRule(rule: CacheRuleBody): DesiredCacheRule {
  return {
    paths: rule.paths,
    extensions: rule.extensions,
    contentTypes: rule.content_types,
    mode: rule.mode,
    ttlSeconds: rule.ttl_seconds,
    ttlMaxSeconds: rule.ttl_max_seconds,
    ttlByStatus: rule.ttl_by_status,
    browserTtlSeconds: rule.browser_ttl_seconds,
    isPrivateOverridden: rule.is_private_overridden,
    query: rule.query,
    cookies: rule.cookies,
    headers: rule.headers,
    isSliced: rule.is_sliced,
    staleWhileRevalidateSeconds: rule.stale_while_revalidate_seconds,
    staleIfErrorSeconds: rule.stale_if_error_seconds,
  };
}

/** The other way round: how a built-in rule is shown. */
export function cacheRuleOf(rule: DesiredCacheRule): CacheRuleBody {
  return {
    paths: [...rule.paths],
    extensions: [...rule.extensions],
    content_types: [...rule.contentTypes],
    mode: rule.mode,
    ttl_seconds: rule.ttlSeconds,
    ttl_max_seconds: rule.ttlMaxSeconds,
    ttl_by_status: rule.ttlByStatus,
    browser_ttl_seconds: rule.browserTtlSeconds,
    is_private_overridden: rule.isPrivateOverridden,
    query: { mode: rule.query.mode, names: [...rule.query.names] },
    cookies: [...rule.cookies],
    headers: [...rule.headers],
    is_sliced: rule.isSliced,
    stale_while_revalidate_seconds: rule.staleWhileRevalidateSeconds,
    stale_if_error_seconds: rule.staleIfErrorSeconds,
    description: "",
  };
}
