// People, their accounts and the account routes behind a real server; the bearer token is a person's id. Tests only.
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { createLogger } from "../../../platform/log.ts";
import { createTestDatabase } from "../../database/test-database.ts";
import { inTransaction } from "../../database/transaction.ts";
import { type AccountRole, type Caller, platformActor, type UserCaller } from "../../http/caller.ts";
import { forbidden } from "../../http/problems.ts";
import type { Credentials } from "../../http/request-facts.ts";
import { startApiServer } from "../../http/server.ts";
import { type Answer, type Asked, ask } from "../../http/test-ask.ts";
import { invitationPages } from "../auth/index.ts";
import type { Letter, Post } from "../mail/index.ts";
import {
  accountRoutes,
  createAccount,
  createAccountService,
  createInvitationService,
  createMemberService,
  findMembership,
} from "./index.ts";
import { insertMembership } from "./store.ts";

export interface Person {
  readonly userId: string;
  readonly username: string;
  readonly email: string;
  /** Their own. */
  readonly accountId: string;
}

export type AccountWorld = Awaited<ReturnType<typeof openAccountWorld>>;

export async function openAccountWorld() {
  const database = await createTestDatabase();
  const { db } = database;
  let now = new Date("2026-03-01T12:00:00Z");
  const clock = () => now;
  const letters: Letter[] = [];
  const accounts = createAccountService({ db, clock });
  const members = createMemberService({ db, clock });
  const post: Post = { post: async (_tx, letter) => void letters.push(letter) };
  const publicUrl = new URL("https://cdn.example.com");
  const invitations = createInvitationService({ db, clock, post, publicUrl });

  const requestOf = ({ requestId, clientAddress }: Credentials) => ({ apiTokenId: null, requestId, clientAddress });
  const bearerOf = ({ header }: Credentials) => (header("authorization") ?? "").replace("Bearer ", "");
  const api = await startApiServer({
    routes: accountRoutes({ accounts, members, invitations, clock }),
    pages: invitationPages(invitations),
    authenticate: {
      async account(credentials): Promise<Caller> {
        const [userId, accountId] = [bearerOf(credentials), credentials.header("x-account-id")];
        const membership = await findMembership(db, { userId, accountId });
        if (membership === undefined) throw forbidden("You do not belong to this account.");
        const { role: accountRole } = membership;
        const caller = { userId, accountId: membership.accountId, accountRole, platformRole: "user" } as const;
        return { ...caller, scopes: "all", ...requestOf(credentials) };
      },
      async user(credentials): Promise<UserCaller> {
        const session = { sessionId: "s", platformRole: "user" } as const;
        return { userId: bearerOf(credentials), ...session, ...requestOf(credentials) };
      },
      edge: () => Promise.reject(new Error("no edge asks here")),
    },
    readiness: [],
    log: createLogger({ role: "test", level: "silent" }),
    host: "127.0.0.1",
    port: 0,
  });

  async function person(username: string): Promise<Person> {
    const userId = randomUUID();
    const email = `${username}@example.com`;
    await db("user").insert({ id: userId, username, email, password_hash: "-", platform_role: "user" });
    const account = await inTransaction(db, (tx) =>
      createAccount(tx, platformActor, { name: username, ownerId: userId, now }),
    );
    return { userId, username, email, accountId: account.id };
  }

  return {
    db,
    accounts,
    members,
    invitations,
    letters,
    /** Of the latest mail. */
    mailedToken(): string {
      return new URL(letters.at(-1)?.action?.url ?? "").searchParams.get("token") ?? "";
    },
    /** The page that the link of the latest mail leads to, and what a browser does when its button is pressed. */
    async openMailedLink() {
      const { pathname, search } = new URL(letters.at(-1)?.action?.url ?? "");
      const show = async (path: string, init: RequestInit = {}) => {
        const reply = await fetch(`${api.url}${path}`, { ...init, signal: AbortSignal.timeout(PAGE_TIMEOUT_MS) });
        return { status: reply.status, html: await reply.text() };
      };
      const page = await show(`${pathname}${search}`);
      const action = /<form method="post" action="([^"]+)">/.exec(page.html)?.[1] ?? "";
      const token = /name="token" value="([^"]+)"/.exec(page.html)?.[1] ?? "";
      return { ...page, press: () => show(action, { method: "POST", body: new URLSearchParams({ token }) }) };
    },
    person,
    async member(accountId: string, username: string, role: AccountRole): Promise<Person> {
      const joining = await person(username);
      await inTransaction(db, (tx) =>
        insertMembership(tx, { accountId, userId: joining.userId, role, createdAt: now }),
      );
      return joining;
    },
    ask: (method: string, path: string, { as, account = as.accountId, ...asked }: AskedBy): Promise<Answer> =>
      ask(`${api.url}/api/v1${path}`, method, { ...asked, token: as.userId, account }),
    /** What the account's log holds since its creation, the oldest first. */
    async deeds(accountId: string): Promise<readonly Deed[]> {
      const rows: unknown = await db("audit_entry")
        .where({ account_id: accountId })
        .whereNot({ action: "account.create" })
        .orderBy("created_at");
      return z.array(deedRow).parse(rows);
    },
    passTime(ms: number): void {
      now = new Date(now.getTime() + ms);
    },
    async stop(): Promise<void> {
      await api.part.stop();
      await database.stop();
    },
  };
}

interface AskedBy extends Omit<Asked, "token"> {
  readonly as: Person;
}

const deedRow = z.object({
  action: z.string(),
  user_id: z.string().nullable(),
  resource_type: z.string(),
  resource_id: z.string(),
  request_id: z.string().nullable(),
  client_address: z.string().nullable(),
  changes: z.array(z.object({ pointer: z.string(), before: z.unknown().optional(), after: z.unknown().optional() })),
});
type Deed = z.output<typeof deedRow>;

const PAGE_TIMEOUT_MS = 10_000;
