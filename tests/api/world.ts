// The whole API in this process, on real stores, with people of every kind: what tests that take the OpenAPI document
// apart ask their questions of. Limits are raised: they have tests of their own.
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { controlPlaneSchema } from "../../control-plane/config.ts";
import { createTestClickHouse } from "../../control-plane/database/test-clickhouse.ts";
import { createTestDatabase } from "../../control-plane/database/test-database.ts";
import type { Database } from "../../control-plane/database/transaction.ts";
import { type AccountRole, type Scope, scopes } from "../../control-plane/http/caller.ts";
import { startApi } from "../../control-plane/roles/api.ts";
import { startTestRedis } from "../../platform/embedded/test-services.ts";
import { stopInReverse } from "../../platform/lifecycle.ts";
import { createLogger } from "../../platform/log.ts";
import { type Api, apiAt } from "../system/api.ts";
import { pickPort } from "../system/ports.ts";

const RAISED = "1000000";
export const MASTER_KEY = "0f".repeat(32);
export const PASSWORD = "correct-horse-1";

export interface Person extends Api {
  readonly token: string;
  readonly userId: string;
  readonly accountId: string;
  readonly username: string;
  readonly isOperator: boolean;
}

export interface ApiWorld {
  readonly db: Database;
  readonly api: Api;
  readonly document: OpenApi;
  register(): Promise<Person>;
  /** A person whose platform role is admin. */
  registerOperator(): Promise<Person>;
  /** Another person in the account, acting for it. */
  join(owner: Person, role: AccountRole): Promise<Person>;
  /** A program that acts for the person with these scopes. */
  program(person: Person, allowed: readonly Scope[]): Promise<Person>;
  stop(): Promise<void>;
}

const operationSchema = z.looseObject({
  operationId: z.string(),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  parameters: z.array(z.looseObject({ name: z.string(), in: z.string(), schema: z.unknown() })).default([]),
  requestBody: z
    .object({ content: z.record(z.string(), z.looseObject({ schema: z.unknown().optional() })) })
    .optional(),
  responses: z.record(z.string(), z.unknown()),
});
export const documentSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
});
export type OpenApi = z.output<typeof documentSchema>;

export interface Operation extends z.output<typeof operationSchema> {
  readonly method: string;
  readonly path: string;
}

export function operationsOf(document: OpenApi): readonly Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
  );
}

export const allScopes = scopes;

export async function startApiWorld(settings: Readonly<Record<string, string>> = {}): Promise<ApiWorld> {
  const database = await createTestDatabase();
  const clickhouse = await createTestClickHouse();
  const redis = await startTestRedis();
  const folder = await mkdtemp(join(tmpdir(), "edgewright-api-"));
  const port = await pickPort();
  const config = controlPlaneSchema.parse({
    ...{ DATABASE_URL: database.url, REDIS_URL: redis.url, CLICKHOUSE_URL: clickhouse.url, DATA_DIR: folder },
    ...{ API_PORT: String(port), LISTEN_HOST: "127.0.0.1", MASTER_KEY },
    // Nobody answers there, and that is told at once.
    DNS_SERVERS: "127.0.0.1:9",
    ...{ RATE_LIMIT_PER_MINUTE: RAISED, RATE_LIMIT_TOKEN_PER_MINUTE: RAISED, LOGIN_ATTEMPTS_PER_MINUTE: RAISED },
    ...{ PURGE_ITEMS_PER_MINUTE: RAISED, PREFETCH_URLS_PER_MINUTE: RAISED, DISTRIBUTIONS_PER_ACCOUNT_MAX: RAISED },
    ...settings,
  });
  const running = await startApi(config, createLogger({ role: "test", level: "silent" }));
  const parts = [
    { name: "database", stop: () => database.stop() },
    { name: "clickhouse", stop: () => clickhouse.stop() },
    { name: "redis", stop: () => redis.stop() },
    { name: "folder", stop: () => rm(folder, { recursive: true, force: true }) },
    running,
  ];
  const api = apiAt(`http://127.0.0.1:${port}`);
  return {
    db: database.db,
    api,
    document: await api.expect(200, documentSchema, "GET", "/api/v1/openapi.json"),
    ...peopleOf(api, database.db),
    stop: () => stopInReverse(parts),
  };
}

const registered = z.object({
  token: z.string(),
  user: z.object({ id: z.uuid(), username: z.string() }),
  account: z.object({ id: z.uuid() }),
});
const tokenMade = z.object({ token: z.string() });

function peopleOf(api: Api, db: Database): Pick<ApiWorld, "register" | "registerOperator" | "join" | "program"> {
  async function register(): Promise<Person> {
    const username = `p-${randomUUID().slice(0, 18)}`;
    const body = { username, email: `${username}@example.com`, password: PASSWORD };
    const { token, user, account } = await api.expect(201, registered, "POST", "/api/v1/auth/register", body);
    return { ...api.as(token), token, userId: user.id, accountId: account.id, username, isOperator: false };
  }
  return {
    register,
    async registerOperator() {
      const person = await register();
      await db("user").where({ id: person.userId }).update({ platform_role: "admin" });
      return { ...(await logIn(api, person)), isOperator: true };
    },
    async join(owner, role) {
      const person = await register();
      await db("membership").insert({ account_id: owner.accountId, user_id: person.userId, role });
      return { ...actingFor(await logIn(api, person), owner.accountId), accountId: owner.accountId };
    },
    async program(person, allowed) {
      const body = { name: `token ${randomUUID()}`, scopes: allowed };
      const { token } = await person.expect(201, tokenMade, "POST", "/api/v1/api-tokens", body);
      return { ...person, ...api.as(token), token };
    },
  };
}

/** Anew, since what is known of a person may be cached with their session. */
async function logIn(api: Api, person: Person): Promise<Person> {
  const body = { login: person.username, password: PASSWORD };
  const { token } = await api.expect(200, tokenMade, "POST", "/api/v1/auth/login", body);
  return { ...person, ...api.as(token), token };
}

function actingFor(person: Person, accountId: string): Person {
  return {
    ...person,
    call: (method, path, body, headers = {}) =>
      person.call(method, path, body, { "x-account-id": accountId, ...headers }),
  };
}
