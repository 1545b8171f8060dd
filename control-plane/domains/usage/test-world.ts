// Accounts with traffic in a real ClickHouse, a clock that can be set, and the routes of this domain on a real server. Tests only.
import { randomUUID } from "node:crypto";
import { createLogger } from "../../../platform/log.ts";
import { Problem } from "../../../platform/problem.ts";
import { type ClickHouse, connectClickHouse } from "../../database/clickhouse.ts";
import { createTestClickHouse } from "../../database/test-clickhouse.ts";
import type { Caller } from "../../http/caller.ts";
import { tooManyRequests, unauthorized } from "../../http/problems.ts";
import { startApiServer } from "../../http/server.ts";
import { type Answer, ask } from "../../http/test-ask.ts";
import type { JobHandler } from "../../jobs/define-job.ts";
import { openNotificationWorld } from "../notification/test-world.ts";
import { reconcile } from "../report/counted/reconcile.ts";
import { createReportQueries, isReconciled } from "../report/index.ts";
import { createTurns, type Turns } from "../report/traffic/turns.ts";
import {
  closingHandlers,
  createQuotaService,
  createUsageService,
  quotaRoutes,
  usageHandlers,
  usageRoutes,
} from "./index.ts";
import { type Month, monthBefore, monthOf, type Period, periodOf } from "./month.ts";
import type { DefaultQuotas } from "./quota-rules.ts";

/** Minutes are kept for two months: last month's are all there, whatever day it is. */
export const LAST_MONTH: Month = monthBefore(monthOf(new Date()));

const JOB_TIMEOUT_MS = 20_000;
const NOBODY_ANSWERS = "http://127.0.0.1:9";

async function run(handlers: readonly JobHandler[], name: string, payload: unknown): Promise<void> {
  const handler = handlers.find(({ job }) => job.name === name);
  if (handler === undefined) throw new Error(`nobody here does ${name}`);
  await handler.run(payload, AbortSignal.timeout(JOB_TIMEOUT_MS));
}

export interface Visit {
  readonly accountId: string;
  readonly distributionId?: string;
  readonly edgeId?: string;
  readonly time: Date;
  readonly bytes?: number;
  readonly requests?: number;
  readonly isHit?: boolean;
}

export type UsageWorld = Awaited<ReturnType<typeof openUsageWorld>>;

const NO_DEFAULTS: DefaultQuotas = {
  user: { requests: null, bytes: null },
  premium: { requests: null, bytes: null },
  cutsOff: false,
};

const NO_TURNS = { atOnce: 0, forModest: 0, waitingEachMax: 0, refusal: () => new Problem(tooManyRequests, "Wait.") };
export const TURNS_AT_ONCE = 2;

function countedTurns(): Turns & { taken(): number } {
  const turns = createTurns({ ...NO_TURNS, atOnce: TURNS_AT_ONCE, waitingEachMax: 20 });
  let taken = 0;
  return {
    take(who, signal) {
      taken += 1;
      return turns.take(who, signal);
    },
    taken: () => taken,
  };
}

export async function openUsageWorld(defaults: DefaultQuotas = NO_DEFAULTS) {
  const [told, server] = await Promise.all([openNotificationWorld(), createTestClickHouse()]);
  const { db, clock } = told;
  const { clickhouse } = server;
  const callers = new Map<string, Caller>();
  const turns = countedTurns();
  const queries = createReportQueries({
    clickhouse,
    turns: { "roll-ups": turns, lines: createTurns(NO_TURNS), platform: createTurns(NO_TURNS) },
  });
  const usage = createUsageService({ db, clickhouse, queries, clock });
  const quotas = createQuotaService({ db, clickhouse, queries, defaults, clock });
  const errors: string[] = [];
  const log = createLogger({ role: "test", level: "error", destination: { write: (line) => errors.push(line) } });
  const reconciliation: { isDone: boolean | "as it is" } = { isDone: true };
  const isDone = async (period: Period, signal: AbortSignal) =>
    reconciliation.isDone === "as it is" ? isReconciled({ clickhouse }, period, signal) : reconciliation.isDone;
  const handlersWith = (counted: ClickHouse) => [
    ...usageHandlers({ db, clickhouse: counted, defaults, clock, log }),
    ...closingHandlers({ db, clickhouse: counted, clock, isReconciled: isDone, log }),
  ];
  const handlers = handlersWith(clickhouse);
  const away = connectClickHouse(NOBODY_ANSWERS);
  const api = await startApiServer({
    routes: [...usageRoutes(usage), ...quotaRoutes(quotas)],
    authenticate: {
      account: async ({ header }) => {
        const caller = callers.get(header("authorization") ?? "");
        if (caller === undefined) throw unauthorized("Say who you are.");
        return caller;
      },
      user: () => Promise.reject(new Error("nobody asks for themselves here")),
      edge: () => Promise.reject(new Error("no edge asks here")),
    },
    readiness: [],
    log,
    host: "127.0.0.1",
    port: 0,
  });

  return {
    ...{ told, db, clickhouse, clock },
    /** In which customers ask, and how many were taken. */
    turns,
    /** Whether what is counted agrees with the lines: somebody's word, or the reconciler's. */
    reconciliation,

    /** What was logged as an error so far. */
    logged: (): readonly unknown[] => errors.map((line) => JSON.parse(line)),

    /** As the job of the reports does, without waiting for inserts that may be under way. */
    reconcile: () => reconcile({ clickhouse, log, settleMs: 0 }, AbortSignal.timeout(JOB_TIMEOUT_MS)),

    setTime(time: Date | string): void {
      told.passTime(new Date(time).getTime() - clock().getTime());
    },

    /** An account that is as old as that, with its owner: whose token is the name. */
    async account(name: string, createdAt: Date = periodOf(LAST_MONTH).from): Promise<Caller> {
      const owner = await told.owner(name);
      await db("account").where({ id: owner.accountId }).update({ created_at: createdAt });
      callers.set(`Bearer ${name}`, owner);
      return owner;
    },

    async operator(name: string): Promise<Caller> {
      const operator = { ...(await told.owner(name)), platformRole: "admin" as const };
      callers.set(`Bearer ${name}`, operator);
      return operator;
    },

    async edge(region: string): Promise<string> {
      const [groupId, id] = [randomUUID(), randomUUID()];
      await db("edge_group").insert({ id: groupId, name: groupId, settings: JSON.stringify({ region }) });
      await db("edge_node").insert({ id, group_id: groupId, name: id, capabilities: "{}" });
      return id;
    },

    call(who: string, method: string, path: string, body?: unknown): Promise<Answer> {
      return ask(`${api.url}/api/v1${path}`, method, { token: who, body });
    },

    async csv(who: string, path: string): Promise<readonly string[]> {
      const headers = { authorization: `Bearer ${who}`, accept: "text/csv" };
      const answer = await fetch(`${api.url}/api/v1${path}`, { headers, signal: AbortSignal.timeout(10_000) });
      if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
      return (await answer.text()).trim().split("\r\n");
    },

    /** Lines as edges' agents bring them, one for each. */
    async visit(visits: readonly Visit[]): Promise<void> {
      const values = visits.map(({ accountId, time, requests = 1, isHit = true, ...more }) => ({
        time: (time.getTime() / 1000).toFixed(3),
        ...{ account_id: accountId, distribution_id: more.distributionId ?? accountId },
        ...{ edge_id: more.edgeId ?? randomUUID(), provider: "gotipath", status: 200, weight: requests },
        ...{ bytes_out: more.bytes ?? 1000, bytes_in: 10, cache_status: isHit ? "HIT" : "MISS" },
        ...(isHit ? { origin_ms: null, origin_bytes: 0 } : { origin_ms: 5, origin_bytes: more.bytes ?? 1000 }),
      }));
      // Two visits may be alike.
      const clickhouse_settings = { insert_deduplicate: 0 } as const;
      await clickhouse.insert({ table: "access_log", values, format: "JSONEachRow", clickhouse_settings });
    },

    /** As a worker does what is scheduled. */
    doJob: (name: string, payload: unknown = {}) => run(handlers, name, payload),

    doJobWhileClickHouseIsAway: (name: string) => run(handlersWith(away.clickhouse), name, {}),

    /** What waits in the outbox for this domain, as a worker does it; the rest is left out. */
    async doOwnJobs(): Promise<void> {
      const rows = await db("outbox").where("job", "like", "usage.%").orderBy("seq");
      for (const { id, job, payload } of rows) {
        await run(handlers, job, payload);
        await db("outbox").where({ id }).delete();
      }
    },

    async stop(): Promise<void> {
      await api.part.stop();
      await away.part.stop();
      await Promise.all([told.stop(), server.stop()]);
    },
  };
}
