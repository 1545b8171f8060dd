// A database, an API and a clock that obeys, for the tests of this domain.
import { createLogger } from "../../../platform/log.ts";
import { createSeal } from "../../../platform/seal.ts";
import { createTestDatabase } from "../../database/test-database.ts";
import type { Database } from "../../database/transaction.ts";
import { startApiServer } from "../../http/server.ts";
import {
  type AuthService,
  authRoutes,
  createAuthenticators,
  createAuthService,
  createSigningKeys,
  createTokens,
} from "./index.ts";
import type { Passwords } from "./password/passwords.ts";

export const PASSWORD = "correct-horse-1";
const ASK_TIMEOUT_MS = 10_000;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed where it is JSON. */
  readonly body: unknown;
}

export interface TestPeople {
  readonly db: Database;
  readonly auth: AuthService;
  readonly url: string;
  readonly clock: () => Date;
  passTime(ms: number): void;
  /** `path` is relative to /api/v1. */
  ask(method: string, path: string, options?: { token?: string; body?: unknown }): Promise<Answer>;
  /** A new user with this name, their address `<name>@example.com` and `PASSWORD`. */
  register(username: string): Promise<{ id: string; accountId: string; token: string }>;
  logIn(login: string, password?: string): Promise<string>;
  stop(): Promise<void>;
}

export async function createTestPeople(options: { passwords?: Passwords } = {}): Promise<TestPeople> {
  const database = await createTestDatabase();
  const { db } = database;
  const log = createLogger({ role: "test", level: "silent" });
  let now = new Date("2026-03-01T12:00:00Z");
  const clock = () => now;
  const keys = createSigningKeys({ db, seal: createSeal(Buffer.alloc(32, 0x0f)), clock, log });
  const auth = createAuthService({ db, clock, tokens: createTokens({ keys, clock }), ...options });
  const { url, part } = await startApiServer({
    routes: authRoutes(auth),
    authenticate: { ...createAuthenticators(auth), edge: () => Promise.reject(new Error("no edge asks here")) },
    readiness: [],
    log,
    host: "127.0.0.1",
    port: 0,
  });
  return {
    ...{ db, auth, url, clock },
    passTime: (ms) => {
      now = new Date(now.getTime() + ms);
    },
    ask: (method, path, { token, body } = {}) => ask(`${url}/api/v1${path}`, method, token, body),
    async register(username) {
      const email = `${username}@example.com`;
      const { user, account, token } = await auth.register({ username, email, password: PASSWORD });
      return { id: user.id, accountId: account.id, token };
    },
    logIn: async (login, password = PASSWORD) => (await auth.logIn({ login, password })).token,
    async stop() {
      await part.stop();
      await database.stop();
    },
  };
}

async function ask(url: string, method: string, token: string | undefined, body: unknown): Promise<Answer> {
  const reply = await fetch(url, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
  });
  const text = await reply.text();
  const isJson = reply.headers.get("content-type")?.includes("json") ?? false;
  return { status: reply.status, headers: reply.headers, body: isJson ? JSON.parse(text) : text };
}
