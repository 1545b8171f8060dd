// What a person logs in with besides a password, over HTTP.
import { getAddress, isAddress } from "viem/utils";
import { z } from "zod";
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { givenId } from "../../../http/given-id.ts";
import { lastWayIn, unknownIdentity } from "../problems.ts";
import type { AuthService } from "../service.ts";
import { type IdentityReply, identityList } from "./schema.ts";
import type { IdentityRecord } from "./store.ts";

const tag = "Accounts and access";

export function identityRoutes({ identities }: AuthService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/auth/identities",
      operationId: "listIdentities",
      tag,
      summary: "What you log in with besides a password: ten at most",
      access: { kind: "user" },
      reply: { status: 200, body: identityList },
      handle: async ({ caller }) => ({ body: { data: (await identities.list(caller)).map(identityToReply) } }),
    }),
    defineRoute({
      method: "DELETE",
      path: "/auth/identities/{id}",
      operationId: "removeIdentity",
      tag,
      summary: "Log in with it no more",
      access: { kind: "user" },
      params: z.object({ id: givenId }),
      reply: { status: 204, empty: true },
      problems: [unknownIdentity, lastWayIn],
      async handle({ params, caller }) {
        await identities.remove(caller, params.id);
        return {};
      },
    }),
  ];
}

export function identityToReply({ id, kind, issuer, subject, createdAt }: IdentityRecord): IdentityReply {
  // EIP-55: with the checksum in the case of its letters, as wallets show it.
  const shown = kind === "ethereum" && isAddress(subject) ? getAddress(subject) : subject;
  return { id, kind, issuer, subject: shown, created_at: createdAt.toISOString() };
}
