// API tokens over HTTP.
import { z } from "zod";
import { pageOf, pageQuery, pageSchema } from "../../database/paging.ts";
import { defineRoute, type Route } from "../../http/define-route.ts";
import { tooManyApiTokens, unknownApiToken } from "./problems.ts";
import type { ApiTokenRow } from "./read-model.ts";
import { apiTokenInput, apiTokenParams, apiTokenReply, createdApiTokenReply } from "./schema.ts";
import type { ApiTokenService } from "./service.ts";

const tag = "Accounts and access";

export function apiTokenRoutes(apiTokens: ApiTokenService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/api-tokens",
      operationId: "createApiToken",
      tag,
      summary: "A token for a program, which is shown this once; API tokens make no others",
      access: { kind: "account", role: "viewer", scope: "account:write" },
      sessionOnly: true,
      body: apiTokenInput,
      reply: { status: 201, body: createdApiTokenReply },
      problems: [tooManyApiTokens],
      async handle({ body, caller }) {
        const { row, token } = await apiTokens.create(caller, body);
        return { headers: { location: `/api/v1/api-tokens/${row.id}` }, body: { ...rowToReply(row), token } };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/api-tokens",
      operationId: "listApiTokens",
      tag,
      summary: "Your tokens in the account, newest first; for admins those of all members",
      access: { kind: "account", role: "viewer", scope: "account:read" },
      query: z.object(pageQuery),
      reply: { status: 200, body: pageSchema(apiTokenReply) },
      async handle({ query, caller }) {
        return { body: pageOf(await apiTokens.list(caller, query), query, rowToReply) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/api-tokens/{id}",
      operationId: "getApiToken",
      tag,
      summary: "One token, without its secret",
      access: { kind: "account", role: "viewer", scope: "account:read" },
      params: apiTokenParams,
      reply: { status: 200, body: apiTokenReply },
      problems: [unknownApiToken],
      async handle({ params, caller }) {
        return { body: rowToReply(await apiTokens.get(caller, params.id)) };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/api-tokens/{id}",
      operationId: "revokeApiToken",
      tag,
      summary: "End a token: the next request with it is a 401. An API token ends itself alone",
      access: { kind: "account", role: "viewer", scope: "account:write" },
      params: apiTokenParams,
      reply: { status: 204, empty: true },
      problems: [unknownApiToken],
      async handle({ params, caller }) {
        await apiTokens.revoke(caller, params.id);
        return {};
      },
    }),
  ];
}

function rowToReply(row: ApiTokenRow): z.input<typeof apiTokenReply> {
  const { id, name, scopes, user_id, username } = row;
  return {
    ...{ id, name, scopes, user_id, username },
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at?.toISOString() ?? null,
    last_used_at: row.last_used_at?.toISOString() ?? null,
  };
}
