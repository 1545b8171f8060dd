// The versions of a distribution over HTTP.
import { numberedPageOf, numberedQuery, rangeOf } from "../../database/numbered-pages.ts";
import { pageSchema } from "../../database/paging.ts";
import { defineRoute, type Route } from "../../http/define-route.ts";
import { distributionDeleted, unknownDistribution, unknownVersion } from "./problems.ts";
import { distributionToReply } from "./reply.ts";
import { asRead } from "./routes.ts";
import { distributionParams, distributionReply } from "./schema.ts";
import {
  diffQuery,
  diffReply,
  rollbackInput,
  type VersionReply,
  versionNumber,
  versionReply,
  wholeVersionReply,
} from "./version-schema.ts";
import type { VersionService } from "./version-service.ts";
import type { ListedVersion } from "./version-store.ts";
import { onceDeployed, type UntilDeployed } from "./wait.ts";

const tag = "Versions";
const reading = { kind: "account", role: "viewer", scope: "distributions:read" } as const;
const versionParams = distributionParams.extend({ number: versionNumber });

export function versionRoutes(versions: VersionService, untilDeployed: UntilDeployed): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/distributions/{id}/versions",
      operationId: "listVersions",
      tag,
      summary: "Every change, newest first, with its author and what differs",
      access: reading,
      params: distributionParams,
      query: numberedQuery,
      reply: { status: 200, body: pageSchema(versionReply) },
      problems: [unknownDistribution],
      async handle({ params, query, caller }) {
        const found = await versions.list(caller, params.id, rangeOf(query));
        return { body: numberedPageOf(found, query, versionToReply) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/distributions/{id}/versions/{number}",
      operationId: "getVersion",
      tag,
      summary: "One version with its whole configuration",
      access: reading,
      params: versionParams,
      reply: { status: 200, body: wholeVersionReply },
      problems: [unknownDistribution, unknownVersion],
      async handle({ params, caller }) {
        const version = await versions.get(caller, params.id, params.number);
        return { body: { ...versionToReply(version), configuration: version.configuration } };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/distributions/{id}/versions/{number}/diff",
      operationId: "compareVersions",
      tag,
      summary: "What differs between two versions",
      access: reading,
      params: versionParams,
      query: diffQuery,
      reply: { status: 200, body: diffReply },
      problems: [unknownDistribution, unknownVersion],
      async handle({ params, query, caller }) {
        const span = { from: query.against, to: params.number };
        return { body: { ...span, changes: [...(await versions.compare(caller, params.id, span))] } };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/distributions/{id}/rollback",
      operationId: "rollBackDistribution",
      tag,
      summary: "Return to a former version, as a new one",
      access: { kind: "account", role: "editor", scope: "distributions:write" },
      ifMatch: true,
      prefersWait: true,
      params: distributionParams,
      body: rollbackInput,
      reply: { status: 200, body: distributionReply },
      problems: [unknownDistribution, distributionDeleted, unknownVersion],
      async handle({ params, body, caller, facts }) {
        const distribution = await versions.rollBack(caller, params.id, body.version, asRead(facts));
        return onceDeployed(untilDeployed, params.id, facts, { body: distributionToReply(distribution) });
      },
    }),
  ];
}

function versionToReply(version: ListedVersion): VersionReply {
  return {
    number: version.number,
    action: version.action,
    user_id: version.userId,
    api_token_id: version.apiTokenId,
    created_at: version.createdAt.toISOString(),
    changes: [...version.changes],
  };
}
