// Two accounts with a distribution each, an edge whose lines are stored, and the API over it. Tests only.
import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { batchOf, line } from "../../../agents/access-log/test-lines.ts";
import { BATCH_ID_HEADER } from "../../../agents/contract.ts";
import type { Part } from "../../../platform/lifecycle.ts";
import { createLogger } from "../../../platform/log.ts";
import { createSeal } from "../../../platform/seal.ts";
import type { ClickHouse } from "../../database/clickhouse.ts";
import { createTestClickHouse, type TestClickHouse } from "../../database/test-clickhouse.ts";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import type { Caller } from "../../http/caller.ts";
import type { Route } from "../../http/define-route.ts";
import { unauthorized } from "../../http/problems.ts";
import { startApiServer } from "../../http/server.ts";
import { createDistributionInput, createDistributionService, type DistributionService } from "../distribution/index.ts";
import { insertPerson } from "../distribution/test-customer.ts";
import { createAccessLogService } from "./log/access-log-service.ts";
import { carry, insertSamplingGroup } from "./log/test-carried.ts";
import { reportRoutes } from "./routes.ts";
import { findLostLines } from "./traffic/read-model.ts";
import { createReportQueries } from "./traffic/report-queries.ts";
import { createReportService } from "./traffic/service.ts";

const log = createLogger({ role: "test", level: "silent" });

export type TestLine = Parameters<typeof line>[0];

export interface ReportWorld {
  readonly database: TestDatabase;
  readonly server: TestClickHouse;
  readonly distributions: DistributionService;
  readonly owner: Caller;
  readonly stranger: Caller;
  /** Distributions of the owner's, and one of the stranger's. */
  readonly mine: string;
  readonly another: string;
  readonly foreign: string;
  readonly edgeId: string;
  /** The edge's group. */
  readonly scope: string;
  /** Logged out from now on: who asks with the bearer token `owner`. */
  readonly signedIn: Set<string>;
  /** One more of that person's, which the edge carries. */
  distribution(who: string, domain: string): Promise<string>;
  /** The bearer token is the name of who asks; `operator` is one. */
  get(path: string, as?: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** As the edge sends them. */
  sendLines(lines: readonly TestLine[]): Promise<void>;
  sendBatch(batch: { id: string; body: Buffer }, url?: string): Promise<Response>;
  /** Another process, over this ClickHouse. */
  startApi(clickhouse: ClickHouse): Promise<RunningApi>;
  stopApi(): Promise<void>;
  stop(): Promise<void>;
}

export interface RunningApi {
  readonly url: string;
  readonly part: Part;
}

export interface WorldParts {
  readonly database: TestDatabase;
  readonly server: TestClickHouse;
  readonly distributions: DistributionService;
}

export async function startReportWorld(settings: {
  clock: () => Date;
  routes?: (parts: WorldParts) => readonly Route[];
}): Promise<ReportWorld> {
  const { clock } = settings;
  const [database, server] = await Promise.all([createTestDatabase(), createTestClickHouse()]);
  const { db } = database;
  const platform = { zone: "edgewright.localhost", allowPrivateOrigins: true, distributionsMax: 1_000 };
  const distributions = createDistributionService({ db, clock, seal: createSeal(Buffer.alloc(32, 1)), platform });
  const people = new Map([
    ["owner", await insertPerson(db, "owner")],
    ["stranger", await insertPerson(db, "stranger")],
    ["operator", { ...(await insertPerson(db, "operator")), platformRole: "admin" as const }],
  ]);
  const personOf = (name: string) => people.get(name) ?? fail(name);
  const scope = await insertSamplingGroup(db);
  const create = async (name: string, domain: string) => {
    const input = createDistributionInput.parse({ domain, origin: { url: "http://127.0.0.1:9000" } });
    const { id } = (await distributions.create(personOf(name), input)).record;
    await carry(db, scope, [id]);
    return id;
  };
  const edgeId = randomUUID();
  const signedIn = new Set(people.keys());
  const servicesOver = (clickhouse: ClickHouse) => ({
    reports: createReportService({
      queries: createReportQueries({ clickhouse }),
      lostLines: (period, ofScope) => findLostLines(db, period, ofScope),
      ...{ distributions, clock },
    }),
    accessLog: createAccessLogService({ ...{ db, clickhouse, clock, log }, hashKey: async () => Buffer.alloc(32, 5) }),
  });
  const startApi = (clickhouse: ClickHouse): Promise<RunningApi> =>
    startApiServer({
      routes: [
        ...reportRoutes(servicesOver(clickhouse)),
        ...(settings.routes?.({ database, server, distributions }) ?? []),
      ],
      authenticate: {
        account: async ({ header }) => {
          const name = header("authorization")?.replace("Bearer ", "") ?? "";
          if (!signedIn.has(name)) throw unauthorized("Log in first.");
          return personOf(name);
        },
        user: () => Promise.reject(new Error("nobody asks for themselves here")),
        edge: async () => ({ edgeId, scope }),
      },
      readiness: [],
      log,
      host: "127.0.0.1",
      port: 0,
    });
  const api = await startApi(server.clickhouse);
  const sendBatch = (batch: { id: string; body: Buffer }, url = api.url) =>
    fetch(`${url}/edge/v1/logs`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson", "content-encoding": "gzip", [BATCH_ID_HEADER]: batch.id },
      body: gzipSync(batch.body),
      signal: AbortSignal.timeout(10_000),
    });
  return {
    ...{ database, server, distributions, edgeId, scope, signedIn, startApi, sendBatch },
    distribution: create,
    owner: personOf("owner"),
    stranger: personOf("stranger"),
    mine: await create("owner", "mine.example.com"),
    another: await create("owner", "another.example.com"),
    foreign: await create("stranger", "foreign.example.com"),
    get: (path, as = "owner", headers = {}) =>
      fetch(`${api.url}/api/v1${path}`, {
        headers: { authorization: `Bearer ${as}`, ...headers },
        signal: AbortSignal.timeout(20_000),
      }),
    async sendLines(lines) {
      const answer = await sendBatch(batchOf(lines.map((changes) => line(changes))));
      if (answer.status !== 204) throw new Error(`lines were not taken: ${answer.status} ${await answer.text()}`);
    },
    stopApi: () => api.part.stop(),
    async stop() {
      await api.part.stop().catch(() => {});
      await server.stop();
      await database.stop();
    },
  };
}

function fail(name: string): never {
  throw new Error(`nobody is called ${name}`);
}

/** As an edge writes it. */
export function secondsOf(time: Date): string {
  return (time.getTime() / 1000).toFixed(3);
}
