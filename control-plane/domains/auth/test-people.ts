// A database, an API, a mail server and a clock that obeys, for the tests of this domain.
import { z } from "zod";
import { createLogger } from "../../../platform/log.ts";
import { createSeal } from "../../../platform/seal.ts";
import { directReads } from "../../cache/test-direct.ts";
import { createTestDatabase } from "../../database/test-database.ts";
import type { Database } from "../../database/transaction.ts";
import { type Authentication, startApiServer } from "../../http/server.ts";
import { type Answer, type Asked, ask } from "../../http/test-ask.ts";
import { createMemberships } from "../account/index.ts";
import { createMailer, createPost, mailHandlers } from "../mail/index.ts";
import { type ReceivedMail, startTestMailServer, type TestMailServer } from "../mail/test-mail-server.ts";
import {
  type AuthService,
  authHandlers,
  authPages,
  authRoutes,
  createAuthenticators,
  createAuthService,
  createSigningKeys,
  createTokens,
} from "./index.ts";
import type { OpenIdIssuer } from "./openid/issuer.ts";
import type { Passwords } from "./password/passwords.ts";
import type { Tokens } from "./token.ts";

export const PUBLIC_URL = "https://cdn.example";
export const PASSWORD = "correct-horse-1";
const JOB_TIMEOUT_MS = 10_000;

export interface TestPeople {
  readonly db: Database;
  readonly databaseUrl: string;
  readonly auth: AuthService;
  readonly tokens: Tokens;
  readonly authenticate: Pick<Authentication, "account" | "user">;
  readonly url: string;
  readonly mailServer: TestMailServer;
  readonly clock: () => Date;
  passTime(ms: number): void;
  /** `path` is relative to /api/v1. */
  ask(method: string, path: string, options?: Asked): Promise<Answer>;
  /** A new user with this name, their address `<name>@example.com` and `PASSWORD`. */
  register(username: string): Promise<{ id: string; accountId: string; token: string }>;
  logIn(login: string, password?: string): Promise<string>;
  /** Does every job that waits in the outbox, as a worker would; what was mailed comes back. */
  work(): Promise<readonly ReceivedMail[]>;
  stop(): Promise<void>;
}

export async function createTestPeople(
  options: { passwords?: Passwords; issuer?: OpenIdIssuer } = {},
): Promise<TestPeople> {
  const database = await createTestDatabase();
  const { db } = database;
  const log = createLogger({ role: "test", level: "silent" });
  let now = new Date("2026-03-01T12:00:00Z");
  const clock = () => now;
  const seal = createSeal(Buffer.alloc(32, 0x0f));
  const tokens = createTokens({ keys: createSigningKeys({ db, seal, clock, log }), clock });
  const cache = directReads;
  const verifier = { publicUrl: new URL(PUBLIC_URL), chainId: 1 };
  const memberships = createMemberships({ db, cache });
  const auth = createAuthService({
    db,
    clock,
    tokens,
    seal,
    verifier,
    post: createPost(seal),
    cache,
    memberships,
    ...options,
  });
  const authenticate = createAuthenticators(auth);
  const { url, part } = await startApiServer({
    routes: authRoutes(auth),
    pages: authPages(auth),
    authenticate: { ...authenticate, edge: () => Promise.reject(new Error("no edge asks here")) },
    readiness: [],
    log,
    host: "127.0.0.1",
    port: 0,
  });
  const mailServer = await startTestMailServer();
  const mailer = createMailer({ smtpUrl: mailServer.url, from: "no-reply@cdn.example", log, clock });
  const publicUrl = new URL(url);
  const handlers = [...authHandlers({ db, clock, mailer, publicUrl }), ...mailHandlers({ mailer, seal })];
  return {
    ...{ db, databaseUrl: database.url, auth, tokens, authenticate, url, clock, mailServer },
    passTime: (ms) => {
      now = new Date(now.getTime() + ms);
    },
    ask: (method, path, asked) => ask(`${url}/api/v1${path}`, method, asked),
    async register(username) {
      const email = `${username}@example.com`;
      const { user, account, token } = await auth.register({ username, email, password: PASSWORD });
      return { id: user.id, accountId: account.id, token };
    },
    logIn: async (login, password = PASSWORD) => (await auth.logIn({ login, password })).token,
    async work() {
      const before = mailServer.received.length;
      const rows = outboxRows.parse(await db("outbox").delete().returning(["job", "payload", "seq"]));
      for (const { job, payload } of rows.sort((a, b) => a.seq - b.seq)) {
        const handler = handlers.find((one) => one.job.name === job);
        if (handler === undefined) throw new Error(`nobody does the job ${job}`);
        await handler.run(payload, AbortSignal.timeout(JOB_TIMEOUT_MS));
      }
      return mailServer.received.slice(before);
    },
    async stop() {
      await Promise.all([part.stop(), mailServer.stop()]);
      await database.stop();
    },
  };
}

const outboxRows = z.array(z.object({ job: z.string(), payload: z.unknown(), seq: z.number() }));
