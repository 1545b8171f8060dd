// Cache policies over HTTP.
import { wholeListSchema } from "../../database/paging.ts";
import { defineRoute, type RequestFacts, type Route } from "../../http/define-route.ts";
import { assertIfMatch } from "../../http/etag.ts";
import {
  builtInCachePolicy,
  cachePolicyInUse,
  cachePolicyNameTaken,
  tooManyCachePolicies,
  unknownCachePolicy,
} from "./problems.ts";
import {
  type CachePolicyReply,
  cachePolicyParams,
  cachePolicyReply,
  createCachePolicyInput,
  patchCachePolicyInput,
} from "./schema.ts";
import type { CachePolicyService } from "./service.ts";

const tag = "Cache policies";
const reading = { kind: "account", role: "viewer", scope: "distributions:read" } as const;
const writing = { kind: "account", role: "editor", scope: "distributions:write" } as const;

export function cachePolicyRoutes(policies: CachePolicyService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/cache-policies",
      operationId: "createCachePolicy",
      tag,
      summary: "Name a list of cache rules that distributions can share",
      access: writing,
      body: createCachePolicyInput,
      reply: { status: 201, body: cachePolicyReply },
      problems: [cachePolicyNameTaken, tooManyCachePolicies],
      async handle({ body, caller }) {
        const policy = await policies.create(caller, body);
        return { headers: { location: `/api/v1/cache-policies/${policy.id}` }, body: policy };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/cache-policies",
      operationId: "listCachePolicies",
      tag,
      summary: "The built-in policies, then the account's own by name",
      access: reading,
      reply: { status: 200, body: wholeListSchema(cachePolicyReply) },
      async handle({ caller }) {
        return { body: { data: [...(await policies.list(caller))], next_cursor: null } };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/cache-policies/{id}",
      operationId: "getCachePolicy",
      tag,
      summary: "One cache policy",
      access: reading,
      params: cachePolicyParams,
      reply: { status: 200, body: cachePolicyReply },
      problems: [unknownCachePolicy],
      async handle({ params, caller }) {
        return { body: await policies.get(caller, params.id) };
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/cache-policies/{id}",
      operationId: "updateCachePolicy",
      tag,
      summary: "Change what the merge patch names; whatever uses it is deployed anew",
      access: writing,
      ifMatch: true,
      params: cachePolicyParams,
      body: patchCachePolicyInput,
      reply: { status: 200, body: cachePolicyReply },
      problems: [unknownCachePolicy, builtInCachePolicy, cachePolicyNameTaken],
      async handle({ params, body, caller, facts }) {
        return { body: await policies.update(caller, params.id, body, asRead(facts)) };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/cache-policies/{id}",
      operationId: "deleteCachePolicy",
      tag,
      summary: "Delete a policy that no distribution uses",
      access: writing,
      ifMatch: true,
      params: cachePolicyParams,
      reply: { status: 204, empty: true },
      problems: [unknownCachePolicy, builtInCachePolicy, cachePolicyInUse],
      async handle({ params, caller, facts }) {
        await policies.remove(caller, params.id, asRead(facts));
        return {};
      },
    }),
  ];
}

/** With If-Match, the policy must still be the one that was read. */
function asRead(facts: RequestFacts): (current: CachePolicyReply) => void {
  return (current) => assertIfMatch(facts, current);
}
