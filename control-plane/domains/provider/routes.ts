// Providers over HTTP, for operators.
import { pageOf, pageSchema, wholeListSchema } from "../../database/paging.ts";
import { defineRoute, type RequestFacts, type Route } from "../../http/define-route.ts";
import { assertDecidedIfMatch, etagOfParts } from "../../http/etag.ts";
import { distributionDeleted } from "../distribution/index.ts";
import type { ProviderLinkService } from "./link-service.ts";
import { providerNotConfigured, unknownProviderLink } from "./problems.ts";
import { linkToReply } from "./reply.ts";
import {
  foreignProviderParams,
  linkInput,
  linkParams,
  linkQuery,
  linkReply,
  type ProviderReply,
  providerInput,
  providerParams,
  providerReply,
} from "./schema.ts";
import type { ProviderService } from "./service.ts";

const tag = "Providers";
const reading = { kind: "operator", scope: "platform:read" } as const;
const writing = { kind: "operator", scope: "platform:write" } as const;

export function providerRoutes(providers: ProviderService, links: ProviderLinkService): Route[] {
  return [...settingRoutes(providers), ...linkRoutes(links)];
}

function settingRoutes(providers: ProviderService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/providers",
      operationId: "listProviders",
      tag,
      summary: "Who delivers: our own edges and other companies; whether they are set up, and whether they answer",
      access: reading,
      reply: { status: 200, body: wholeListSchema(providerReply) },
      async handle() {
        return { body: { data: [...(await providers.list())], next_cursor: null } };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/providers/{name}",
      operationId: "getProvider",
      tag,
      summary: "One provider, without its credentials",
      access: reading,
      params: providerParams,
      reply: { status: 200, body: providerReply },
      async handle({ params }) {
        return tagged(await providers.get(params.name));
      },
    }),
    defineRoute({
      method: "PUT",
      path: "/providers/{name}",
      operationId: "putProvider",
      tag,
      summary: "Set a provider up; credentials that are left out stay, unless they would be sent to another host",
      access: writing,
      ifMatch: true,
      params: foreignProviderParams,
      body: providerInput,
      reply: { status: 200, body: providerReply },
      async handle({ params, body, caller, facts }) {
        return tagged(await providers.put(caller, params.name, body, asRead(facts)));
      },
    }),
  ];
}

function linkRoutes(links: ProviderLinkService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/providers/{name}/links",
      operationId: "listProviderLinks",
      tag,
      summary: "Whose traffic a provider's resources carry and carried, newest first",
      access: reading,
      params: foreignProviderParams,
      query: linkQuery,
      reply: { status: 200, body: pageSchema(linkReply) },
      async handle({ params, query }) {
        const filter = { provider: params.name, resource: query.resource, distributionId: query.distribution_id };
        return { body: pageOf(await links.list(filter, query), query, linkToReply) };
      },
    }),
    defineRoute({
      method: "PUT",
      path: "/providers/{name}/links/{resource}",
      operationId: "putProviderLink",
      tag,
      summary: "From now on the resource's traffic is this distribution's; what was counted before stays whose it was",
      access: writing,
      params: linkParams,
      body: linkInput,
      reply: { status: 200, body: linkReply },
      problems: [providerNotConfigured, distributionDeleted],
      async handle({ params, body, caller }) {
        const place = { provider: params.name, resource: params.resource };
        return { body: linkToReply(await links.put(caller, place, body)) };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/providers/{name}/links/{resource}",
      operationId: "deleteProviderLink",
      tag,
      summary: "From now on the resource's traffic is nobody's; what was counted stays",
      access: writing,
      params: linkParams,
      reply: { status: 204, empty: true },
      problems: [providerNotConfigured, unknownProviderLink],
      async handle({ params, caller }) {
        await links.remove(caller, { provider: params.name, resource: params.resource });
        return {};
      },
    }),
  ];
}

/** Whether it answers just now is not what a change of it is about. */
function tagged(provider: ProviderReply) {
  return { headers: { etag: etagOfParts({ decided: decidedOf(provider), body: provider }) }, body: provider };
}

function decidedOf({
  is_configured,
  is_enabled,
  base_url,
  delivery_url,
  customer_id,
  paths,
  updated_at,
}: ProviderReply) {
  return { is_configured, is_enabled, base_url, delivery_url, customer_id, paths, updated_at };
}

function asRead(facts: RequestFacts): (current: ProviderReply) => void {
  return (current) => assertDecidedIfMatch(facts, decidedOf(current));
}
