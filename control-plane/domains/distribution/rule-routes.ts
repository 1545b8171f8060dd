// The rules of a distribution over HTTP: the same six routes for every kind.
import { z } from "zod";
import { wholeListSchema } from "../../database/paging.ts";
import { defineRoute, type RequestFacts, type Route } from "../../http/define-route.ts";
import { assertIfMatch } from "../../http/etag.ts";
import { givenId } from "../../http/given-id.ts";
import { type RuleKind, type RuleRecord, ruleKinds, ruleToReply, tooManyRules, unknownRule } from "../rule/index.ts";
import { distributionDeleted, unknownDistribution } from "./problems.ts";
import type { RuleService } from "./rule-service.ts";
import { distributionParams } from "./schema.ts";
import { onceDeployed, type UntilDeployed } from "./wait.ts";

const tag = "Rules";
const reading = { kind: "account", role: "viewer", scope: "distributions:read" } as const;
const writing = { kind: "account", role: "editor", scope: "distributions:write" } as const;
const ruleParams = distributionParams.extend({ rule_id: givenId });

export function ruleRoutes(rules: RuleService, untilDeployed: UntilDeployed): Route[] {
  return Object.values(ruleKinds).flatMap((kind) => [
    ...listRoutes(rules, kind, untilDeployed),
    ...singleRoutes(rules, kind, untilDeployed),
  ]);
}

function listRoutes(rules: RuleService, kind: RuleKind, untilDeployed: UntilDeployed): Route[] {
  const { operation, noun } = kind;
  const path = `/distributions/{id}/${kind.path}`;
  const listReply = wholeListSchema(kind.reply);
  const listBody = z
    .strictObject({
      data: z.array(kind.item).max(kind.countMax, { error: `must hold ${kind.countMax} ${noun}s at most.` }),
    })
    .meta({ id: `${operation}List`, examples: [{ data: [kind.example] }] });
  return [
    defineRoute({
      method: "POST",
      path,
      operationId: `create${operation}`,
      tag,
      summary: `Add ${one(noun)}: ${kind.about}`,
      access: writing,
      prefersWait: true,
      params: distributionParams,
      body: kind.create,
      reply: { status: 201, body: kind.reply },
      problems: [unknownDistribution, distributionDeleted, tooManyRules],
      async handle({ params: { id }, body, caller, facts }) {
        const rule = await rules.add(caller, { id, kind }, body);
        const location = `/api/v1/distributions/${id}/${kind.path}/${rule.id}`;
        return onceDeployed(untilDeployed, id, facts, { headers: { location }, body: ruleToReply(rule) });
      },
    }),
    defineRoute({
      method: "GET",
      path,
      operationId: `list${operation}s`,
      tag,
      summary: `All ${noun}s in their order`,
      access: reading,
      params: distributionParams,
      reply: { status: 200, body: listReply },
      problems: [unknownDistribution],
      async handle({ params: { id }, caller }) {
        return { body: listToReply(await rules.list(caller, { id, kind })) };
      },
    }),
    defineRoute({
      method: "PUT",
      path,
      operationId: `replace${operation}s`,
      tag,
      summary: `Replace all ${noun}s at once, in this order; those with an id stay themselves`,
      access: writing,
      prefersWait: true,
      ifMatch: true,
      params: distributionParams,
      body: listBody,
      reply: { status: 200, body: listReply },
      problems: [unknownDistribution, distributionDeleted],
      async handle({ params: { id }, body, caller, facts }) {
        const asRead = (current: readonly RuleRecord[]) => assertIfMatch(facts, listToReply(current));
        const list = listToReply(await rules.replace(caller, { id, kind }, body.data, asRead));
        return onceDeployed(untilDeployed, id, facts, { body: list });
      },
    }),
  ];
}

function singleRoutes(rules: RuleService, kind: RuleKind, untilDeployed: UntilDeployed): Route[] {
  const { operation, noun } = kind;
  const path = `/distributions/{id}/${kind.path}/{rule_id}`;
  const placeOf = ({ id, rule_id: ruleId }: z.output<typeof ruleParams>) => ({ id, kind, ruleId });
  return [
    defineRoute({
      method: "GET",
      path,
      operationId: `get${operation}`,
      tag,
      summary: `One ${noun}`,
      access: reading,
      params: ruleParams,
      reply: { status: 200, body: kind.reply },
      problems: [unknownDistribution, unknownRule],
      async handle({ params, caller }) {
        return { body: ruleToReply(await rules.get(caller, placeOf(params))) };
      },
    }),
    defineRoute({
      method: "PATCH",
      path,
      operationId: `update${operation}`,
      tag,
      summary: `Change what the merge patch names; position moves the ${noun}`,
      access: writing,
      prefersWait: true,
      ifMatch: true,
      params: ruleParams,
      body: kind.patch,
      reply: { status: 200, body: kind.reply },
      problems: [unknownDistribution, distributionDeleted, unknownRule],
      async handle({ params, body, caller, facts }) {
        const rule = ruleToReply(await rules.update(caller, placeOf(params), body, asRead(facts)));
        return onceDeployed(untilDeployed, params.id, facts, { body: rule });
      },
    }),
    defineRoute({
      method: "DELETE",
      path,
      operationId: `delete${operation}`,
      tag,
      summary: `Remove ${one(noun)}`,
      access: writing,
      prefersWait: true,
      ifMatch: true,
      params: ruleParams,
      reply: { status: 204, empty: true },
      problems: [unknownDistribution, distributionDeleted, unknownRule],
      async handle({ params, caller, facts }) {
        await rules.remove(caller, placeOf(params), asRead(facts));
        return onceDeployed(untilDeployed, params.id, facts, {});
      },
    }),
  ];
}

function one(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}

function listToReply(rules: readonly RuleRecord[]) {
  return { data: rules.map(ruleToReply), next_cursor: null };
}

/** With If-Match, the rule must still be the one that was read. */
function asRead(facts: RequestFacts): (current: RuleRecord) => void {
  return (current) => assertIfMatch(facts, ruleToReply(current));
}
