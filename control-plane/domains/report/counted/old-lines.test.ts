// Lines of the table as it was before there were roll-ups are kept, and counted.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startTestClickHouse, type TestService } from "../../../../platform/embedded/test-services.ts";
import { createLogger } from "../../../../platform/log.ts";
import { type ClickHouse, connectClickHouse } from "../../../database/clickhouse.ts";
import { migrateClickHouse, readMigrations } from "../../../database/clickhouse-migrate.ts";
import { reconcile } from "./reconcile.ts";
import { differences } from "./test-counted.ts";

let server: TestService;
let clickhouse: ClickHouse;
beforeAll(async () => {
  server = await startTestClickHouse();
  clickhouse = connectClickHouse(server.url).clickhouse;
});
afterAll(async () => {
  await clickhouse.close();
  await server.stop();
});

const rowsSchema = z.array(
  z.object({ request_id: z.string(), batch_id: z.string(), client_hash: z.string(), weight: z.number() }),
);

test("lines that were stored before are kept, and counted by the first comparison", async () => {
  const [first, sampled] = await readMigrations();
  for (const { text } of [...(first?.statements ?? []), ...(sampled?.statements ?? [])]) {
    await clickhouse.command({ query: text });
  }
  const time = (Date.now() / 1000 - 3 * 24 * 3600).toFixed(3);
  const old = {
    ...{
      time,
      edge_time: time,
      received_at: time,
      edge_id: randomUUID(),
      batch_id: `00000000000000ff${"a".repeat(48)}`,
    },
    ...{ batch_line: 1, request_id: "0123456789abcdef".repeat(2), account_id: randomUUID() },
    ...{ distribution_id: randomUUID(), host: "www.example.com", method: "GET", path: "/a", status: 200 },
    ...{ cache_status: "HIT", bytes_out: 5, bytes_in: 1, duration_ms: 1, origin_ms: null, protocol: "HTTP/2.0" },
    ...{
      tls: "TLSv1.3",
      referrer_host: "",
      user_agent: "curl/8",
      client_hash: "0000000000000100".padEnd(32, "0"),
      weight: 3,
    },
  };
  await clickhouse.insert({ table: "access_log", values: [old], format: "JSONEachRow" });

  await migrateClickHouse(server.url);
  const answer = await clickhouse.query({
    query:
      "SELECT request_id, toString(batch_id) AS batch_id, toString(client_hash) AS client_hash, weight FROM access_log",
    format: "JSONEachRow",
  });
  expect(rowsSchema.parse(await answer.json())).toEqual([
    { request_id: "01234567-89ab-cdef-0123-456789abcdef", batch_id: "255", client_hash: "256", weight: 3 },
  ]);
  const reconciling = { clickhouse, log: createLogger({ role: "test", level: "silent" }), settleMs: 0 };
  // Hours, then days and what is heaviest in them.
  for (let looks = 0; looks < 3; looks += 1) await reconcile(reconciling, AbortSignal.timeout(60_000));
  expect(await differences(clickhouse)).toEqual([]);
});
