// The distributions of an account over HTTP.
import { defineRoute, type Reply, type RequestFacts, type Route } from "../../http/define-route.ts";
import { assertIfMatch } from "../../http/etag.ts";
import { distributionDeleted, domainAlreadyUsed, tooManyDistributions, unknownDistribution } from "./problems.ts";
import { type DistributionReads, distributionPage } from "./reads.ts";
import { distributionToReply } from "./reply.ts";
import {
  cloneDistributionInput,
  createDistributionInput,
  type DistributionReply,
  distributionParams,
  distributionReply,
  listDistributionsQuery,
  patchDistributionInput,
} from "./schema.ts";
import type { DistributionService } from "./service.ts";
import type { DistributionWithOrigins } from "./state.ts";
import { onceDeployed, type UntilDeployed } from "./wait.ts";

const tag = "Distributions";

export function distributionRoutes(
  distributions: DistributionService,
  reads: DistributionReads,
  untilDeployed: UntilDeployed,
): Route[] {
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
      problems: [domainAlreadyUsed, tooManyDistributions],
      prefersWait: true,
      async handle({ body, caller, facts }) {
        return created(await distributions.create(caller, body), facts);
      },
    }),
    defineRoute({
      method: "GET",
      path: "/distributions",
      operationId: "listDistributions",
      tag,
      summary: "The account's distributions, filtered, searched and sorted",
      access: { kind: "account", role: "viewer", scope: "distributions:read" },
      query: listDistributionsQuery,
      fromMemory: true,
      reply: { status: 200, body: distributionPage },
      async handle({ query, caller }) {
        return { prepared: await reads.list(caller, query) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/distributions/{id}",
      operationId: "getDistribution",
      tag,
      summary: "One distribution",
      access: { kind: "account", role: "viewer", scope: "distributions:read" },
      fromMemory: true,
      params: distributionParams,
      reply: { status: 200, body: distributionReply },
      problems: [unknownDistribution],
      async handle({ params, caller }) {
        return { prepared: await reads.get(caller, params.id) };
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/distributions/{id}",
      operationId: "updateDistribution",
      tag,
      summary: "Change what the merge patch names",
      ...changing,
      body: patchDistributionInput,
      reply: { status: 200, body: distributionReply },
      async handle({ params, body, caller, facts }) {
        return answer(await distributions.update(caller, params.id, body, asRead(facts)), facts);
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/distributions/{id}",
      operationId: "deleteDistribution",
      tag,
      summary: "Stop serving the domain and free its name",
      ...changing,
      reply: { status: 202, body: distributionReply },
      async handle({ params, caller, facts }) {
        return answer(await distributions.remove(caller, params.id, asRead(facts)), facts);
      },
    }),
    defineRoute({
      method: "POST",
      path: "/distributions/{id}/enable",
      operationId: "enableDistribution",
      tag,
      summary: "Serve it again",
      ...changing,
      reply: { status: 200, body: distributionReply },
      async handle({ params, caller, facts }) {
        return answer(await distributions.setEnabled(caller, params.id, true, asRead(facts)), facts);
      },
    }),
    defineRoute({
      method: "POST",
      path: "/distributions/{id}/disable",
      operationId: "disableDistribution",
      tag,
      summary: "Answer viewers with 503 until it is enabled",
      ...changing,
      reply: { status: 200, body: distributionReply },
      async handle({ params, caller, facts }) {
        return answer(await distributions.setEnabled(caller, params.id, false, asRead(facts)), facts);
      },
    }),
    defineRoute({
      method: "POST",
      path: "/distributions/{id}/clone",
      operationId: "cloneDistribution",
      tag,
      summary: "The same configuration for another domain",
      access: { kind: "account", role: "editor", scope: "distributions:write" },
      prefersWait: true,
      params: distributionParams,
      body: cloneDistributionInput,
      reply: { status: 201, body: distributionReply },
      problems: [unknownDistribution, distributionDeleted, domainAlreadyUsed, tooManyDistributions],
      async handle({ params, body, caller, facts }) {
        return created(await distributions.clone(caller, params.id, body), facts);
      },
    }),
  ];

  function created(distribution: DistributionWithOrigins, facts: RequestFacts) {
    return answer(distribution, facts, { location: `/api/v1/distributions/${distribution.record.id}` });
  }

  function answer(
    distribution: DistributionWithOrigins,
    facts: RequestFacts,
    headers: Readonly<Record<string, string>> = {},
  ): Reply<DistributionReply> {
    const { id, accountId } = distribution.record;
    const answered = { headers, body: distributionToReply(distribution) };
    return onceDeployed(untilDeployed, id, facts, answered, async () => ({
      headers,
      body: distributionToReply(await distributions.get({ accountId }, id)),
    }));
  }
}

const changing = {
  access: { kind: "account", role: "editor", scope: "distributions:write" },
  ifMatch: true,
  prefersWait: true,
  params: distributionParams,
  problems: [unknownDistribution, distributionDeleted],
} as const;

/** With If-Match, the distribution must still be the one that was read. */
export function asRead(facts: RequestFacts): (current: DistributionWithOrigins) => void {
  return (current) => assertIfMatch(facts, distributionToReply(current));
}
