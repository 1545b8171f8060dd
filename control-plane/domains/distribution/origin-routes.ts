// The origins of a distribution over HTTP.
import { wholeListSchema } from "../../database/paging.ts";
import { defineRoute, type RequestFacts, type Route } from "../../http/define-route.ts";
import { assertIfMatch } from "../../http/etag.ts";
import { givenId } from "../../http/given-id.ts";
import { type OriginRecord, originInput, originReply, originToReply, patchOriginInput } from "../origin/index.ts";
import type { OriginService } from "./origin-service.ts";
import { distributionDeleted, lastOrigin, tooManyOrigins, unknownDistribution, unknownOrigin } from "./problems.ts";
import { distributionParams } from "./schema.ts";
import { onceDeployed, type UntilDeployed } from "./wait.ts";

const tag = "Origins";
const reading = { kind: "account", role: "viewer", scope: "distributions:read" } as const;
const writing = { kind: "account", role: "editor", scope: "distributions:write" } as const;
const originParams = distributionParams.extend({ origin_id: givenId });

export function originRoutes(origins: OriginService, untilDeployed: UntilDeployed): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/distributions/{id}/origins",
      operationId: "createOrigin",
      tag,
      summary: "One more origin",
      access: writing,
      prefersWait: true,
      params: distributionParams,
      body: originInput,
      reply: { status: 201, body: originReply },
      problems: [unknownDistribution, distributionDeleted, tooManyOrigins],
      async handle({ params, body, caller, facts }) {
        const origin = await origins.add(caller, params.id, body);
        const location = `/api/v1/distributions/${params.id}/origins/${origin.id}`;
        const answer = { headers: { location }, body: originToReply(origin) };
        return onceDeployed(untilDeployed, params.id, facts, answer);
      },
    }),
    defineRoute({
      method: "GET",
      path: "/distributions/{id}/origins",
      operationId: "listOrigins",
      tag,
      summary: "All origins, the primary one first",
      access: reading,
      params: distributionParams,
      reply: { status: 200, body: wholeListSchema(originReply) },
      problems: [unknownDistribution],
      async handle({ params, caller }) {
        return { body: { data: (await origins.list(caller, params.id)).map(originToReply), next_cursor: null } };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/distributions/{id}/origins/{origin_id}",
      operationId: "getOrigin",
      tag,
      summary: "One origin",
      access: reading,
      params: originParams,
      reply: { status: 200, body: originReply },
      problems: [unknownDistribution, unknownOrigin],
      async handle({ params, caller }) {
        return { body: originToReply(await origins.get(caller, placeOf(params))) };
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/distributions/{id}/origins/{origin_id}",
      operationId: "updateOrigin",
      tag,
      summary: "Change what the merge patch names",
      access: writing,
      prefersWait: true,
      ifMatch: true,
      params: originParams,
      body: patchOriginInput,
      reply: { status: 200, body: originReply },
      problems: [unknownDistribution, distributionDeleted, unknownOrigin],
      async handle({ params, body, caller, facts }) {
        const origin = await origins.update(caller, placeOf(params), body, asRead(facts));
        return onceDeployed(untilDeployed, params.id, facts, { body: originToReply(origin) });
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/distributions/{id}/origins/{origin_id}",
      operationId: "deleteOrigin",
      tag,
      summary: "Fetch nothing from it any more",
      access: writing,
      prefersWait: true,
      ifMatch: true,
      params: originParams,
      reply: { status: 204, empty: true },
      problems: [unknownDistribution, distributionDeleted, unknownOrigin, lastOrigin],
      async handle({ params, caller, facts }) {
        await origins.remove(caller, placeOf(params), asRead(facts));
        return onceDeployed(untilDeployed, params.id, facts, {});
      },
    }),
  ];
}

function placeOf({ id, origin_id: originId }: { id: string; origin_id: string }) {
  return { id, originId };
}

function asRead(facts: RequestFacts): (current: OriginRecord) => void {
  return (current) => assertIfMatch(facts, originToReply(current));
}
