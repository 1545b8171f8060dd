// Redirects: paths that have moved. The first that matches is answered.
import { z } from "zod";
import type { DesiredRedirect } from "../../../edge-templates/index.ts";
import type { FieldFault } from "../../../platform/problem.ts";
import { defineRuleKind, description, plainSchemas, type RuleSurroundings } from "./kind.ts";
import { redirectSource } from "./path-pattern.ts";
import { partsOf, redirectTarget, SPLAT } from "./redirect-target.ts";

const statuses = z
  .union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)], {
    error: "must be 301, 302, 303, 307 or 308.",
  })
  .meta({ description: "301 and 308 are kept by browsers; 307 and 308 keep the method." });

const fields = {
  source: redirectSource.meta({ description: "A path, or everything below one: `/old/*`." }),
  target: redirectTarget.meta({
    description: "A path, or a URL of http or https. `:splat` in it is what the `*` of the source stood for.",
  }),
  status: statuses,
  is_query_kept: z.boolean().meta({ description: "True: the viewer's query is appended." }),
  description,
};
const input = {
  ...fields,
  status: fields.status.default(301),
  is_query_kept: fields.is_query_kept.default(true),
  description: fields.description.default(""),
};

const body = z.object({
  source: z.string(),
  target: z.string(),
  status: statuses,
  is_query_kept: z.boolean(),
  description: z.string(),
});
type RedirectBody = z.output<typeof body>;

function faultsOf(redirect: RedirectBody, surroundings: RuleSurroundings): readonly FieldFault[] {
  const fault = targetFault(redirect, surroundings);
  return fault === undefined ? [] : [{ pointer: "/target", detail: fault }];
}

function targetFault({ source, target }: RedirectBody, { hosts }: RuleSurroundings): string | undefined {
  const hasStar = source.endsWith("*");
  if (target.includes(SPLAT) && !hasStar) return `may hold ${SPLAT} only when the source ends with *.`;
  const parts = partsOf(target);
  if ("fault" in parts) return parts.fault;
  if (parts.origin !== undefined && !hosts.some((host) => isNamed(host, parts.origin?.host ?? ""))) return undefined;
  const isMet = hasStar ? parts.path.startsWith(source.slice(0, -1)) : parts.path === source;
  return isMet ? `leads to ${source} again, so viewers would go round in circles.` : undefined;
}

/** Whether a name of the distribution, perhaps with a wildcard, stands for this host. */
function isNamed(name: string, host: string): boolean {
  return name === host || (name.startsWith("*.") && host.replace(/^[^.]*/, "*") === name);
}

export const redirect = defineRuleKind({
  name: "redirect",
  path: "redirects",
  operation: "Redirect",
  noun: "redirect",
  about: "where a path has moved",
  countMax: 100,
  schemas: plainSchemas({ fields, input }, body),
  body,
  faultsOf,
  example: {
    source: "/blog/*",
    target: "https://blog.example.com/:splat",
    status: 301,
    is_query_kept: true,
    description: "The blog has a host of its own",
  },
});

export function desiredRedirect(stored: unknown): DesiredRedirect {
  const { source, target, status, is_query_kept: isQueryKept } = body.parse(stored);
  return { source, target, status, isQueryKept };
}
