// A real API with sessions and API tokens, and a route per kind of access that says who asks. Tests only.
import { z } from "zod";
import { createLogger } from "../../../platform/log.ts";
import { createSeal } from "../../../platform/seal.ts";
import { directReads } from "../../cache/test-direct.ts";
import { createTestDatabase } from "../../database/test-database.ts";
import { inTransaction } from "../../database/transaction.ts";
import type { Access } from "../../http/caller.ts";
import { defineRoute, type Route } from "../../http/define-route.ts";
import { startApiServer } from "../../http/server.ts";
import { type Asked, ask } from "../../http/test-ask.ts";
import {
  accountRoutes,
  createAccountService,
  createInvitationService,
  createMemberService,
  createMemberships,
} from "../account/index.ts";
import { insertMembership } from "../account/store.ts";
import {
  createAuthenticators,
  createAuthService,
  createOperatorService,
  createSigningKeys,
  createTokens,
  operatorRoutes,
} from "../auth/index.ts";
import { createPost } from "../mail/index.ts";
import { acceptApiTokens, apiTokenRoutes, createApiTokenService, createTokenReads, recordLastUse } from "./index.ts";

const PASSWORD = "correct-horse-1";

const probes: Record<string, Access> = {
  mine: { kind: "user" },
  view: { kind: "account", role: "viewer", scope: "distributions:read" },
  edit: { kind: "account", role: "editor", scope: "distributions:write" },
  operate: { kind: "operator", scope: "platform:write" },
};

const saysWho = z.record(z.string(), z.unknown());
const createdToken = z.object({ id: z.uuid(), token: z.string() });

interface AskedBy extends Omit<Asked, "token"> {
  readonly bearer: string;
}

export type TokenWorld = Awaited<ReturnType<typeof openTokenWorld>>;
export interface TestPerson {
  readonly userId: string;
  readonly accountId: string;
  readonly bearer: string;
}

export async function openTokenWorld({ daysMax }: { daysMax?: number } = {}) {
  const database = await createTestDatabase();
  const { db } = database;
  const log = createLogger({ role: "test", level: "silent" });
  let now = new Date("2026-03-01T12:00:00Z");
  const clock = () => now;
  const seal = createSeal(Buffer.alloc(32, 7));
  const tokens = createTokens({ keys: createSigningKeys({ db, seal, clock, log }), clock });
  const cache = directReads;
  const memberships = createMemberships({ db, cache });
  const post = createPost(seal);
  const publicUrl = new URL("https://cdn.example");
  const verifier = { publicUrl, chainId: 1 };
  const auth = createAuthService({ db, clock, tokens, post, seal, verifier, cache, memberships });
  const apiTokens = createApiTokenService({ db, clock, daysMax });
  const operators = createOperatorService({ db, clock, sessions: auth.sessions });
  const ofAccounts = {
    accounts: createAccountService({ db, clock }),
    members: createMemberService({ db, clock }),
    invitations: createInvitationService({ db, clock, post, publicUrl }),
  };
  const lastUse = recordLastUse({ db, clock, log, gatherMs: 0 });
  const authenticate = acceptApiTokens(createAuthenticators(auth), {
    sources: { tokens: createTokenReads({ db, cache }), memberships, findPerson: auth.findActive },
    ...{ lastUse, clock },
  });
  const api = await startApiServer({
    routes: [
      ...apiTokenRoutes(apiTokens),
      ...operatorRoutes(operators),
      ...accountRoutes({ ...ofAccounts, clock }),
      ...probeRoutes(),
    ],
    authenticate: { ...authenticate, edge: () => Promise.reject(new Error("no edge asks here")) },
    ...{ readiness: [], log, host: "127.0.0.1", port: 0 },
  });

  const askAs = (method: string, path: string, { bearer, ...asked }: AskedBy) =>
    ask(`${api.url}/api/v1${path}`, method, { ...asked, token: bearer });

  return {
    ...{ db, auth, lastUse, authenticate, ask: askAs },
    async person(username: string, accountOf?: { accountId: string; role: "admin" | "editor" | "viewer" }) {
      const email = `${username}@example.com`;
      const { user, account, token } = await auth.register({ username, email, password: PASSWORD });
      const person: TestPerson = { userId: user.id, accountId: account.id, bearer: token };
      if (accountOf === undefined) return person;
      const { accountId, role } = accountOf;
      await inTransaction(db, (tx) => insertMembership(tx, { accountId, userId: user.id, role, createdAt: now }));
      return { ...person, accountId };
    },
    async makeToken(person: TestPerson, body: object = {}): Promise<{ id: string; token: string }> {
      const asked = { name: "CI", scopes: ["distributions:read", "distributions:write"], ...body };
      const reply = await askAs("POST", "/api-tokens", { ...person, account: person.accountId, body: asked });
      if (reply.status !== 201) throw new Error(JSON.stringify(reply.body));
      return createdToken.parse(reply.body);
    },
    /** The status of each probe. */
    async reach(bearer: string, account?: string): Promise<Record<string, number>> {
      const asked = Object.keys(probes).map(async (name) => {
        const { status } = await askAs("GET", `/probes/${name}`, { bearer, account });
        return [name, status] as const;
      });
      return Object.fromEntries(await Promise.all(asked));
    },
    passTime(ms: number): void {
      now = new Date(now.getTime() + ms);
    },
    async stop(): Promise<void> {
      await api.part.stop();
      await lastUse.part.stop();
      await database.stop();
    },
  };
}

function probeRoutes(): Route[] {
  return Object.entries(probes).map(([name, access]) =>
    defineRoute({
      method: "GET",
      path: `/probes/${name}`,
      operationId: name,
      tag: "Probes",
      summary: name,
      access,
      reply: { status: 200, body: saysWho },
      handle: async ({ caller }) => ({ body: saysWho.parse(caller) }),
    }),
  );
}
