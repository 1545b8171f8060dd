// For telling.test.ts: a worker in a process of its own, which judges alerts until it is killed.
import { z } from "zod";
import { createLogger } from "../../../platform/log.ts";
import { connectClickHouse } from "../../database/clickhouse.ts";
import { connectDatabase } from "../../database/connection.ts";
import { createMeasures, createReportQueries } from "../report/index.ts";
import { judgeAll } from "./judgement.ts";

const settings = z
  .object({ databaseUrl: z.string(), clickhouseUrl: z.string() })
  .parse(JSON.parse(process.argv[2] ?? ""));
const clock = () => new Date();

await judgeAll(
  {
    db: connectDatabase(settings.databaseUrl, { poolMax: 4, applicationName: "judging worker" }).db,
    measures: createMeasures({ queries: createReportQueries(connectClickHouse(settings.clickhouseUrl)), clock }),
    publicUrl: new URL("https://cdn.example.com"),
    log: createLogger({ role: "test", level: "silent" }),
    clock,
  },
  AbortSignal.timeout(60_000),
);
