// The distributions of an account over HTTP.
import { z } from "zod";
import { pageOf, pageQuery, pageSchema } from "../../database/paging.ts";
import { defineRoute, type RequestFacts, type Route } from "../../http/define-route.ts";
import { assertIfMatch } from "../../http/etag.ts";
import { failedPrecondition } from "../../http/problems.ts";
import { domainAlreadyUsed, unknownDistribution } from "./problems.ts";
import { distributionToReply } from "./reply.ts";
import { createDistributionInput, distributionParams, distributionReply, patchDistributionInput } from "./schema.ts";
import type { DistributionService, DistributionWithOrigins } from "./service.ts";

const tag = "Distributions";

export function distributionRoutes(distributions: DistributionService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/distributions",
      operationId: "createDistribution",
      tag,
      summary: "Put a domain in front of an origin",
      access: { kind: "account", role: "editor", scope: "distributions:write" },
      body: createDistributionInput,
      reply: { status: 201, body: distributionReply },
      problems: [domainAlreadyUsed],
      async handle({ body, caller }) {
        const created = await distributions.create(caller, body);
        return {
          headers: { location: `/api/v1/distributions/${created.record.id}` },
          body: distributionToReply(created),
        };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/distributions",
      operationId: "listDistributions",
      tag,
      summary: "The account's distributions, newest first",
      access: { kind: "account", role: "viewer", scope: "distributions:read" },
      query: z.object(pageQuery),
      reply: { status: 200, body: pageSchema(distributionReply) },
      async handle({ query, caller }) {
        return { body: pageOf(await distributions.list(caller, query), query, distributionToReply) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/distributions/{id}",
      operationId: "getDistribution",
      tag,
      summary: "One distribution",
      access: { kind: "account", role: "viewer", scope: "distributions:read" },
      params: distributionParams,
      reply: { status: 200, body: distributionReply },
      problems: [unknownDistribution],
      async handle({ params, caller }) {
        return { body: distributionToReply(await distributions.get(caller, params.id)) };
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/distributions/{id}",
      operationId: "updateDistribution",
      tag,
      summary: "Change what the merge patch names",
      access: { kind: "account", role: "editor", scope: "distributions:write" },
      params: distributionParams,
      body: patchDistributionInput,
      reply: { status: 200, body: distributionReply },
      problems: [unknownDistribution, failedPrecondition],
      async handle({ params, body, caller, facts }) {
        const updated = await distributions.update(caller, params.id, body, asRead(facts));
        return { body: distributionToReply(updated) };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/distributions/{id}",
      operationId: "deleteDistribution",
      tag,
      summary: "Stop serving the domain and free its name",
      access: { kind: "account", role: "editor", scope: "distributions:write" },
      params: distributionParams,
      reply: { status: 202, empty: true },
      problems: [unknownDistribution, failedPrecondition],
      async handle({ params, caller, facts }) {
        await distributions.remove(caller, params.id, asRead(facts));
        return {};
      },
    }),
  ];
}

/** With If-Match, the distribution must still be the one that was read. */
function asRead(facts: RequestFacts): (current: DistributionWithOrigins) => void {
  return (current) => assertIfMatch(facts, distributionToReply(current));
}
