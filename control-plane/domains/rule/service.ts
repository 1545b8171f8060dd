// Reads the rules of distributions and writes them, a whole list at a time. The distribution's service owns the
// transaction and says what changes.
import { isDeepStrictEqual } from "node:util";
import type { DesiredDistribution } from "../../../edge-templates/index.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import { desiredAccessRule } from "./access-rule.ts";
import { cacheRuleBody, desiredCacheRule } from "./cache-rule.ts";
import { desiredHeaderRule } from "./header-rule.ts";
import type { RuleKindName } from "./kind.ts";
import { desiredRateLimit } from "./rate-limit.ts";
import { desiredRedirect } from "./redirect.ts";
import { deleteRules, findRules, type RuleRecord, upsertRules } from "./store.ts";

export async function rulesByDistribution(
  reads: Reads,
  distributionIds: readonly string[],
): Promise<ReadonlyMap<string, readonly RuleRecord[]>> {
  const grouped = new Map<string, RuleRecord[]>();
  for (const rule of await findRules(reads, distributionIds)) {
    const siblings = grouped.get(rule.distributionId);
    if (siblings === undefined) grouped.set(rule.distributionId, [rule]);
    else siblings.push(rule);
  }
  return grouped;
}

/**
 * Writes one kind's whole list in its order. Rules that are there already keep who made them and when; those of which
 * nothing but the place changes keep who changed them, too.
 */
export async function replaceRules(
  tx: Tx,
  { distributionId, kind }: { distributionId: string; kind: RuleKindName },
  rules: readonly Omit<RuleRecord, "position">[],
): Promise<void> {
  const found = (await findRules(tx, [distributionId])).filter((rule) => rule.kind === kind);
  const before = new Map(found.map((rule) => [rule.id, rule]));
  const wanted = rules.map((rule, index) => placed(rule, index + 1, before.get(rule.id)));
  const stays = new Set(rules.map(({ id }) => id));
  const gone = found.filter(({ id }) => !stays.has(id)).map(({ id }) => id);
  await deleteRules(tx, distributionId, gone);
  await upsertRules(
    tx,
    wanted.filter((rule) => !isDeepStrictEqual(rule, before.get(rule.id))),
  );
}

function placed(rule: Omit<RuleRecord, "position">, position: number, before: RuleRecord | undefined): RuleRecord {
  if (before === undefined) return { ...rule, position };
  if (isDeepStrictEqual(rule.body, before.body)) return { ...before, position };
  return { ...before, position, body: rule.body, updatedBy: rule.updatedBy, updatedAt: rule.updatedAt };
}

export function ruleToReply(rule: RuleRecord): object {
  return {
    id: rule.id,
    distribution_id: rule.distributionId,
    position: rule.position,
    ...rule.body,
    created_by: rule.createdBy,
    updated_by: rule.updatedBy,
    created_at: rule.createdAt.toISOString(),
    updated_at: rule.updatedAt.toISOString(),
  };
}

type DesiredRules = Pick<
  DesiredDistribution,
  "cacheRules" | "headerRules" | "redirects" | "accessRules" | "rateLimits"
>;

/** One distribution's own rules, as edges are to have them. */
export function desiredRules(rules: readonly RuleRecord[]): DesiredRules {
  const bodiesOf = (kind: RuleKindName) => rules.filter((rule) => rule.kind === kind).map((rule) => rule.body);
  return {
    cacheRules: bodiesOf("cache_rule").map((body) => desiredCacheRule(cacheRuleBody.parse(body))),
    headerRules: bodiesOf("header_rule").map(desiredHeaderRule),
    redirects: bodiesOf("redirect").map(desiredRedirect),
    accessRules: bodiesOf("access_rule").map(desiredAccessRule),
    rateLimits: bodiesOf("rate_limit").map(desiredRateLimit),
  };
}
