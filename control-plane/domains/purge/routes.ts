// The purges of a distribution over HTTP.
import { pageSchema } from "../../database/paging.ts";
import { defineRoute, type Route } from "../../http/define-route.ts";
import { distributionDeleted, distributionParams, unknownDistribution } from "../distribution/index.ts";
import { unknownPurge } from "./problems.ts";
import { createPurgeInput, listedPurgeReply, listPurgesQuery, purgeParams, purgeReply } from "./schema.ts";
import type { PurgeService } from "./service.ts";

const tag = "Purges";
const reading = { kind: "account", role: "viewer", scope: "purges:read" } as const;

export function purgeRoutes(purges: PurgeService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/distributions/{id}/purges",
      operationId: "createPurge",
      tag,
      summary: "Make the edges fetch anew: URLs, prefixes, tags or everything",
      access: { kind: "account", role: "editor", scope: "purges:write" },
      prefersWait: true,
      params: distributionParams,
      body: createPurgeInput,
      reply: { status: 202, body: purgeReply },
      problems: [unknownDistribution, distributionDeleted],
      async handle({ params: { id }, body, caller, facts }) {
        const purge = await purges.request(caller, id, body);
        const reply = { headers: { location: `/api/v1/distributions/${id}/purges/${purge.id}` }, body: purge };
        if (facts.waitSeconds === 0) return reply;
        const afterCommit = async () => ({
          ...reply,
          body: await purges.untilDone(caller, { id, purgeId: purge.id }, facts),
        });
        return { ...reply, afterCommit };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/distributions/{id}/purges",
      operationId: "listPurges",
      tag,
      summary: "The purges of the last 90 days, the newest first",
      access: reading,
      params: distributionParams,
      query: listPurgesQuery,
      reply: { status: 200, body: pageSchema(listedPurgeReply) },
      problems: [unknownDistribution],
      async handle({ params, query, caller }) {
        return { body: await purges.list(caller, params.id, query) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/distributions/{id}/purges/{purge_id}",
      operationId: "getPurge",
      tag,
      summary: "What a purge named, and how far each edge got with it",
      access: reading,
      params: purgeParams,
      reply: { status: 200, body: purgeReply },
      problems: [unknownDistribution, unknownPurge],
      async handle({ params, caller }) {
        return { body: await purges.get(caller, { id: params.id, purgeId: params.purge_id }) };
      },
    }),
  ];
}
