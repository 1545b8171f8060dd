// Header rules: what is written into a request on its way to the origin, or into an answer on its way to the viewer.
import { z } from "zod";
import type { DesiredHeaderRule } from "../../../edge-templates/index.ts";
import type { FieldFault } from "../../../platform/problem.ts";
import { headerFault, headerName, headerValue } from "./header-name.ts";
import { defineRuleKind, description, plainSchemas, storedPaths } from "./kind.ts";
import { pathPatterns } from "./path-pattern.ts";

const phase = z.enum(["request", "response"]).meta({
  description: "`request`: on the way to the origin. `response`: on the way to the viewer.",
});
const action = z.enum(["set", "add", "remove"]).meta({ description: "`set` replaces what is there." });

const fields = { paths: pathPatterns, phase, action, name: headerName, value: headerValue, description };
const input = {
  ...fields,
  paths: fields.paths.default([]),
  value: fields.value.default(""),
  description: fields.description.default(""),
};

const body = z.object({
  paths: storedPaths,
  phase,
  action,
  name: z.string(),
  value: z.string().meta({ description: "Empty for `remove`." }),
  description: z.string(),
});
type HeaderRuleBody = z.output<typeof body>;

function faultsOf({ phase, action, name, value }: HeaderRuleBody): readonly FieldFault[] {
  const reserved = headerFault(name, phase);
  return [
    ...(reserved === undefined ? [] : [{ pointer: "/name", detail: `${name} ${reserved}` }]),
    ...(action === "remove" && value !== ""
      ? [{ pointer: "/value", detail: "must be absent for remove: the field goes whatever its value." }]
      : []),
    ...(action !== "remove" && value === ""
      ? [{ pointer: "/value", detail: `must not be empty for ${action}; remove takes the field away.` }]
      : []),
  ];
}

export const headerRule = defineRuleKind({
  name: "header_rule",
  path: "header-rules",
  operation: "HeaderRule",
  noun: "header rule",
  about: "a header that is set, added or removed",
  countMax: 50,
  schemas: plainSchemas({ fields, input }, body),
  body,
  faultsOf,
  example: {
    paths: ["/*"],
    phase: "response",
    action: "set",
    name: "x-frame-options",
    value: "DENY",
    description: "",
  },
});

export function desiredHeaderRule(stored: unknown): DesiredHeaderRule {
  const { paths, phase, action, name, value } = body.parse(stored);
  return { paths, phase, action, name, value };
}
