// Sign-In with Ethereum over HTTP.
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { notAllowed } from "../../../http/problems.ts";
import { identityToReply } from "../identity/routes.ts";
import { identityReply } from "../identity/schema.ts";
import {
  ethereumRefused,
  identityTaken,
  passwordsBusy,
  passwordWrong,
  recentLoginRequired,
  tooManyIdentities,
  totpLocked,
  totpRefused,
  totpRequired,
} from "../problems.ts";
import { tokenReply } from "../schema.ts";
import type { AuthService } from "../service.ts";
import { tokenToReply } from "../user/reply.ts";
import { visitOf } from "../visit.ts";
import { ethereumLinkInput, ethereumLoginInput, nonceReply } from "./schema.ts";

const tag = "Accounts and access";

export function ethereumRoutes({ ethereum }: AuthService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/auth/siwe/nonce",
      operationId: "giveEthereumNonce",
      tag,
      summary: "Get a nonce for a message to sign; it is good once, for five minutes",
      access: { kind: "public" },
      reply: { status: 201, body: nonceReply },
      async handle() {
        const { nonce, expiresAt, publicUrl, chainId } = await ethereum.giveNonce();
        return {
          body: {
            nonce,
            expires_at: expiresAt.toISOString(),
            domain: publicUrl.host,
            uri: publicUrl.origin,
            chain_id: chainId,
            version: "1" as const,
          },
        };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/auth/siwe/login",
      operationId: "logInWithEthereum",
      tag,
      summary: "Get a token for a message that a wallet has signed; an address that nobody has becomes a new user",
      access: { kind: "public" },
      attempts: true,
      body: ethereumLoginInput,
      reply: { status: 200, body: tokenReply },
      problems: [ethereumRefused, totpRequired, totpRefused, totpLocked, identityTaken, notAllowed],
      handle: async ({ body, facts }) => ({ body: tokenToReply(await ethereum.logIn(body, visitOf(facts))) }),
    }),
    defineRoute({
      method: "POST",
      path: "/auth/siwe/link",
      operationId: "linkEthereum",
      tag,
      summary: "Log in with this wallet too from now on",
      access: { kind: "user" },
      attempts: true,
      body: ethereumLinkInput,
      reply: { status: 201, body: identityReply },
      problems: [ethereumRefused, passwordWrong, recentLoginRequired, passwordsBusy, identityTaken, tooManyIdentities],
      handle: async ({ body, caller }) => ({ body: identityToReply(await ethereum.link(caller, body)) }),
    }),
  ];
}
