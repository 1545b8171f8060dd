// Everything that a customer decides about a distribution, as one value: what versions keep, compare and bring back.
import { z } from "zod";
import {
  exampleOrigin,
  type OriginSettings,
  originOfSnapshot,
  originSnapshot,
  originSnapshotSchema,
} from "../origin/index.ts";
import { type RuleRecord, ruleKindNames, ruleKinds } from "../rule/index.ts";
import { decidedFields, exampleDistribution } from "./schema.ts";
import type { DistributionState } from "./state.ts";
import type { DistributionRecord } from "./store.ts";

// Versions from before these could be decided say nothing of them.
const settingsSchema = z.object({
  ...decidedFields,
  hsts: decidedFields.hsts.default(null),
  edge_group_ids: decidedFields.edge_group_ids.default(null),
  le_issue: decidedFields.le_issue.default(false),
  certificate_id: decidedFields.certificate_id.default(null),
});

export const exampleConfiguration = {
  settings: settingsSchema.parse(exampleDistribution),
  origins: [originSnapshotSchema.parse({ ...exampleOrigin, s3_secret_id: null })],
  rules: { cache_rule: [{ id: "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44", ...ruleKinds.cache_rule.example }] },
};

export const configurationSchema = z
  .object({
    settings: settingsSchema,
    origins: z.array(originSnapshotSchema),
    rules: z
      .partialRecord(z.enum(ruleKindNames), z.array(z.looseObject({ id: z.uuid() })))
      .meta({ description: "By kind, each in its order." }),
  })
  .meta({ id: "Configuration", examples: [exampleConfiguration] });
export type Configuration = z.output<typeof configurationSchema>;

/** What the customer decided about a rule. */
export type RuleContent = Pick<RuleRecord, "id" | "kind" | "body">;

export function configurationOf({ record, origins, rules }: DistributionState): Configuration {
  return {
    settings: settingsOf(record),
    origins: origins.map(originSnapshot),
    rules: Object.fromEntries(
      ruleKindNames.map((kind) => [
        kind,
        rules.filter((rule) => rule.kind === kind).map(({ id, body }) => ({ ...body, id })),
      ]),
    ),
  };
}

export function settingsOf(record: DistributionRecord): Configuration["settings"] {
  return {
    label: record.label,
    description: record.description,
    acceleration_type: record.accelerationType,
    origin_type: record.originType,
    host_header: record.hostHeader,
    sni: record.sni,
    is_http2: record.isHttp2,
    is_http3: record.isHttp3,
    enable_ssl: record.enableSsl,
    is_livestream: record.isLivestream,
    is_redirect_http_to_https: record.isRedirectHttpToHttps,
    cache_policy_id: record.cachePolicyId,
    cors: record.cors,
    hsts: record.hsts,
    compression: record.compression,
    edge_group_ids: record.edgeGroupIds === null ? null : [...record.edgeGroupIds],
    le_issue: record.leIssue,
    // What was got for it is no decision, and another one after a rollback.
    certificate_id: record.leIssue ? null : record.certificateId,
  };
}

export interface ConfigurationParts {
  readonly columns: Partial<DistributionRecord>;
  readonly origins: readonly OriginSettings[];
  readonly rules: readonly RuleContent[];
}

/** The columns, origins and rules that a configuration stands for. */
export function partsOf({ settings, origins, rules }: Configuration): ConfigurationParts {
  return {
    columns: {
      label: settings.label,
      description: settings.description,
      accelerationType: settings.acceleration_type,
      originType: settings.origin_type,
      hostHeader: settings.host_header,
      sni: settings.sni,
      isHttp2: settings.is_http2,
      isHttp3: settings.is_http3,
      enableSsl: settings.enable_ssl,
      isLivestream: settings.is_livestream,
      isRedirectHttpToHttps: settings.is_redirect_http_to_https,
      cachePolicyId: settings.cache_policy_id,
      cors: settings.cors,
      hsts: settings.hsts,
      compression: settings.compression,
      edgeGroupIds: settings.edge_group_ids,
      leIssue: settings.le_issue,
      certificateId: settings.certificate_id,
    },
    origins: origins.map(originOfSnapshot),
    rules: ruleKindNames.flatMap((kind) =>
      (rules[kind] ?? []).map(({ id, ...content }) => ({ id, kind, body: ruleKinds[kind].bodyOf(content) })),
    ),
  };
}
