// Accounts with alerts, traffic in a real ClickHouse, and the minutes in which alerts are judged. Tests only.
import { randomUUID } from "node:crypto";
import { createLogger } from "../../../platform/log.ts";
import { connectClickHouse } from "../../database/clickhouse.ts";
import { createTestClickHouse } from "../../database/test-clickhouse.ts";
import type { Caller } from "../../http/caller.ts";
import { createTestServices, inputFor } from "../distribution/test-customer.ts";
import { openNotificationWorld } from "../notification/test-world.ts";
import { createMeasures, createReportQueries } from "../report/index.ts";
import { createAlertService } from "./index.ts";
import { type JudgementSettings, judgeAll } from "./judgement.ts";
import { alertInput } from "./schema.ts";

export type AlertWorld = Awaited<ReturnType<typeof openAlertWorld>>;

const MINUTE_MS = 60_000;

export interface Traffic {
  readonly requests: number;
  readonly errors?: number;
  /** How long ago, of the world's clock. */
  readonly minutesAgo: number;
}

export async function openAlertWorld() {
  const [world, server] = await Promise.all([openNotificationWorld(), createTestClickHouse()]);
  const { db, clock } = world;
  const publicUrl = new URL("https://cdn.example.com");
  const measures = createMeasures({ queries: createReportQueries(server), clock });
  const away = connectClickHouse("http://127.0.0.1:9");
  const nothingMeasured = createMeasures({ queries: createReportQueries(away), clock });
  const log = createLogger({ role: "test", level: "silent" });
  const settings: JudgementSettings = { db, clock, measures, publicUrl, log };
  const alerts = createAlertService({ db, clock, publicUrl });
  const { distributions } = createTestServices(db);
  const [edgeId, groupId] = [randomUUID(), randomUUID()];
  await db("edge_group").insert({ id: groupId, name: groupId, settings: "{}" });
  await db("edge_node").insert({ id: edgeId, group_id: groupId, name: edgeId, capabilities: "{}" });

  return {
    ...world,
    ...{ server, alerts, settings, publicUrl },
    async distribution(caller: Caller, { daysOld = 30 } = {}): Promise<string> {
      const { record } = await distributions.create(caller, inputFor(`d-${randomUUID()}.example.com`));
      const created_at = new Date(clock().getTime() - daysOld * 24 * 60 * MINUTE_MS);
      await db("distribution").where({ id: record.id }).update({ created_at, status: "active" });
      await db("account").where({ id: caller.accountId }).update({ created_at });
      const deployed = { distribution_id: record.id, scope: groupId, rev: 1, source_version: 1, state: "active" };
      await db("deployment").insert(deployed);
      // What follows from it is no matter here.
      await db("outbox").whereLike("job", "distribution.%").delete();
      return record.id;
    },
    async create(caller: Caller, body: object): Promise<string> {
      const input = alertInput.parse({ name: "Shop", raise_after_minutes: 0, resolve_after_minutes: 0, ...body });
      return (await alerts.create(caller, input)).id;
    },
    /** In the middle of a minute, so that it lies in windows whole. */
    async traffic({ accountId }: Caller, distributionId: string, { requests, errors = 0, minutesAgo }: Traffic) {
      const time = Math.floor(clock().getTime() / MINUTE_MS) * MINUTE_MS - minutesAgo * MINUTE_MS + 30_000;
      const row = { account_id: accountId, distribution_id: distributionId, edge_id: edgeId, bytes_out: 1_000 };
      const line = { ...row, time: (time / 1000).toFixed(3), cache_status: "MISS", origin_ms: 5 };
      const values = [
        { ...line, request_id: randomUUID(), status: 200, weight: requests - errors },
        { ...line, request_id: randomUUID(), status: 502, weight: errors },
      ];
      await server.clickhouse.insert({
        ...{ table: "access_log", format: "JSONEachRow" },
        values: values.filter(({ weight }) => weight > 0),
      });
    },
    /** The edge has reported just now; null: it has sent all its lines. */
    async edgeTells(behindSince: Date | null): Promise<void> {
      await db("edge_node").where({ id: edgeId }).update({ reported_at: clock(), log_behind_since: behindSince });
    },
    judge: (signal = AbortSignal.timeout(20_000)) => judgeAll(settings, signal),
    /** A minute passes, and what is then is judged. */
    async minute({ withoutClickHouse = false } = {}): Promise<void> {
      world.passTime(MINUTE_MS);
      const those = withoutClickHouse ? { ...settings, measures: nothingMeasured } : settings;
      await judgeAll(those, AbortSignal.timeout(20_000));
    },
    async state(id: string) {
      return db("alert").where({ id }).first();
    },
    /** What its history says, the oldest first. */
    async history(id: string): Promise<readonly string[]> {
      return db("alert_event").where({ alert_id: id }).orderBy(["at", "created_at"]).pluck("kind");
    },
    /** What people and programs were told, or are about to be, the oldest first. */
    async told(id: string): Promise<readonly string[]> {
      return db("notification").whereRaw("details->>'alert_id' = ?", [id]).orderBy("created_at").pluck("event");
    },
    async stop(): Promise<void> {
      await away.part.stop();
      await world.stop();
      await server.stop();
    },
  };
}
