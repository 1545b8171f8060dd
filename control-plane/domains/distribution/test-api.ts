// The routes of this domain on a real server and a real database; the bearer token is the name of who asks. Tests only.
import { z } from "zod";
import { createLogger } from "../../../platform/log.ts";
import type { Cache } from "../../cache/cache.ts";
import { directReads } from "../../cache/test-direct.ts";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import type { Database } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import type { Route } from "../../http/define-route.ts";
import { unauthorized } from "../../http/problems.ts";
import { startApiServer } from "../../http/server.ts";
import { type Answer, ask } from "../../http/test-ask.ts";
import { cachePolicyRoutes, createCachePolicyService } from "../cache-policy/index.ts";
import {
  countDistributionsOfPolicy,
  createDistributionReads,
  createRuleService,
  distributionRoutes,
  originRoutes,
  ruleRoutes,
  versionRoutes,
} from "./index.ts";
import { createTestServices, insertPerson } from "./test-customer.ts";

export interface TestApi {
  readonly db: Database;
  readonly services: ReturnType<typeof createTestServices>;
  /** `owner` and `viewer` of one account, `stranger` of another. */
  readonly people: Readonly<Record<"owner" | "viewer" | "stranger", Caller>>;
  call(
    who: keyof TestApi["people"],
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  stop(): Promise<void>;
}

/** `cacheOf`: reads go through these caches, and not straight to the database. `more`: routes of other domains. */
export async function startTestApi(
  cacheOf: (database: TestDatabase) => Pick<Cache, "space"> = () => directReads,
  more: (database: TestDatabase) => readonly Route[] = () => [],
): Promise<TestApi> {
  const database = await createTestDatabase();
  const { db } = database;
  const services = createTestServices(db);
  const clock = () => new Date();
  const owner = await insertPerson(db, "owner");
  const people = {
    owner,
    viewer: { ...(await insertPerson(db, "viewer")), accountId: owner.accountId, accountRole: "viewer" as const },
    stranger: await insertPerson(db, "stranger"),
  };
  const byToken = new Map<string, Caller>(Object.entries(people).map(([name, caller]) => [`Bearer ${name}`, caller]));
  const policies = createCachePolicyService({ db, clock, countUses: countDistributionsOfPolicy });
  const { url, part } = await startApiServer({
    routes: [
      ...distributionRoutes(
        services.distributions,
        createDistributionReads({ db, cache: cacheOf(database) }),
        async () => {},
      ),
      ...originRoutes(services.origins, async () => {}),
      ...versionRoutes(services.versions, async () => {}),
      ...ruleRoutes(createRuleService({ db, clock, seal: services.seal }, services.distributions), async () => {}),
      ...cachePolicyRoutes(policies),
      ...more(database),
    ],
    authenticate: {
      account: async ({ header }) => {
        const caller = byToken.get(header("authorization") ?? "");
        if (caller === undefined) throw unauthorized("Say who you are.");
        return caller;
      },
      user: () => Promise.reject(new Error("nobody asks for themselves here")),
      edge: () => Promise.reject(new Error("no edge asks here")),
    },
    readiness: [],
    log: createLogger({ role: "test", level: "silent" }),
    host: "127.0.0.1",
    port: 0,
  });
  return {
    db,
    services,
    people,
    call: (who, method, path, body, headers = {}) => ask(`${url}/api/v1${path}`, method, { token: who, body, headers }),
    async stop() {
      await part.stop();
      await database.stop();
    },
  };
}

const identified = z.looseObject({ id: z.uuid() });

/** The id in an answer of one thing. */
export function idIn({ body }: Answer): string {
  return identified.parse(body).id;
}

/** The ids in the answer of a list, in its order. */
export function idsIn({ body }: Answer): readonly string[] {
  return z
    .object({ data: z.array(identified) })
    .parse(body)
    .data.map(({ id }) => id);
}
