// Prefetches of a distribution over HTTP.
import { defineRoute, type Route } from "../../http/define-route.ts";
import { distributionDeleted, distributionParams, unknownDistribution } from "../distribution/index.ts";
import { createPrefetchInput, prefetchReply } from "./schema.ts";
import type { PrefetchService } from "./service.ts";

export function prefetchRoutes(prefetches: PrefetchService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/distributions/{id}/prefetches",
      operationId: "createPrefetch",
      tag: "Purges",
      summary: "Make the edges fetch URLs before viewers ask for them",
      access: { kind: "account", role: "editor", scope: "purges:write" },
      params: distributionParams,
      body: createPrefetchInput,
      reply: { status: 202, body: prefetchReply },
      problems: [unknownDistribution, distributionDeleted],
      async handle({ params, body, caller }) {
        return { body: await prefetches.request(caller, params.id, body) };
      },
    }),
  ];
}
