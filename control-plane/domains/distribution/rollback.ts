// Writes the origins and rules of a whole configuration: a former one of the same distribution, or a copy for a new one.
import { randomUUID } from "node:crypto";
import type { Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { type OriginOwner, type OriginSettings, replaceOrigins, settingsOf } from "../origin/index.ts";
import { type RuleRecord, replaceRules, ruleKindNames, upsertRules } from "../rule/index.ts";
import type { ConfigurationParts, RuleContent } from "./configuration.ts";
import type { DistributionState } from "./state.ts";
import type { NewColumns } from "./store.ts";

export async function restore(
  tx: Tx,
  caller: Caller,
  { id, now }: { id: string; now: Date },
  { origins, rules }: Pick<ConfigurationParts, "origins" | "rules">,
): Promise<void> {
  const owner = { distributionId: id, accountId: caller.accountId, userId: caller.userId, now };
  await replaceOrigins(tx, owner, origins);
  await replaceAllRules(tx, owner, rules);
}

/** What a clone is made of: everything that the customer decided, under new ids. */
export function copyOf(source: DistributionState): {
  columns: NewColumns;
  origins: readonly OriginSettings[];
  rules: readonly RuleContent[];
} {
  const { record } = source;
  return {
    columns: {
      label: record.label,
      description: record.description,
      cdnType: record.cdnType,
      accelerationType: record.accelerationType,
      originType: record.originType,
      hostHeader: record.hostHeader,
      sni: record.sni,
      isHttp2: record.isHttp2,
      isHttp3: record.isHttp3,
      enableSsl: record.enableSsl,
      isLivestream: record.isLivestream,
      isRedirectHttpToHttps: record.isRedirectHttpToHttps,
      cachePolicyId: record.cachePolicyId,
      cors: record.cors,
      hsts: record.hsts,
      compression: record.compression,
      edgeGroupIds: record.edgeGroupIds,
      leIssue: record.leIssue,
      certificateId: record.leIssue ? null : record.certificateId,
    },
    origins: source.origins.map((origin) => ({ ...settingsOf(origin), id: randomUUID() })),
    rules: source.rules.map(({ kind, body }) => ({ id: randomUUID(), kind, body })),
  };
}

async function replaceAllRules(tx: Tx, owner: OriginOwner, rules: readonly RuleContent[]): Promise<void> {
  const { distributionId } = owner;
  const records = recordsOf(owner, rules);
  for (const kind of ruleKindNames) {
    await replaceRules(
      tx,
      { distributionId, kind },
      records.filter((rule) => rule.kind === kind),
    );
  }
}

/** Of a distribution that has none yet. */
export async function insertRules(
  tx: Tx,
  owner: OriginOwner,
  rules: readonly RuleContent[],
): Promise<readonly RuleRecord[]> {
  const records = recordsOf(owner, rules);
  await upsertRules(tx, records);
  return records;
}

function recordsOf(owner: OriginOwner, rules: readonly RuleContent[]): readonly RuleRecord[] {
  const { distributionId, accountId, userId, now } = owner;
  const author = { createdBy: userId, updatedBy: userId, createdAt: now, updatedAt: now };
  return ruleKindNames.flatMap((kind) =>
    rules
      .filter((rule) => rule.kind === kind)
      .map((rule, index) => ({ ...rule, position: index + 1, distributionId, accountId, ...author })),
  );
}
