// Every statement, for one server and for a cluster, is read by the parser of the real engine.
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startTestClickHouse, type TestService } from "../../platform/embedded/test-services.ts";
import { type ClickHouse, connectClickHouse } from "./clickhouse.ts";
import { renderForCluster } from "./clickhouse-cluster.ts";
import { LEDGER, readMigrations, rendered } from "./clickhouse-migrate.ts";

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

const formattedSchema = z.tuple([z.object({ formatted: z.string() })]);

/** As the parser understands it; throws where it does not. */
async function format(statement: string): Promise<string> {
  const answer = await clickhouse.query({
    query: "SELECT formatQuery({statement:String}) AS formatted",
    query_params: { statement },
    format: "JSONEachRow",
  });
  return formattedSchema.parse(await answer.json())[0].formatted;
}

async function statements(cluster: string | undefined): Promise<readonly string[]> {
  const migrations = await readMigrations();
  const texts = [LEDGER, ...migrations.flatMap((migration) => migration.statements.map((statement) => statement.text))];
  return texts.flatMap((text) => rendered(text, cluster));
}

test.each([undefined, "edgewright"])("all migrations are statements of ClickHouse (cluster: %s)", async (cluster) => {
  const all = await statements(cluster);
  expect(all.length).toBeGreaterThan(30);
  for (const statement of all) await expect(format(statement), statement).resolves.not.toBe("");
  await expect(format("CREATE TABLE torn (")).rejects.toThrow(/Syntax error/);
});

test("on a cluster every table is replicated, and all that changes one reaches every server", async () => {
  const all = (await statements("edgewright")).filter((statement) => !statement.startsWith("INSERT"));
  for (const statement of all) expect(statement).toContain("ON CLUSTER 'edgewright'");
  const engines = all.flatMap((statement) => /ENGINE = (\w+)/.exec(statement)?.[1] ?? []);
  expect(new Set(engines.filter((engine) => !/^(Replicated\w*MergeTree|Distributed)$/.test(engine)))).toEqual(
    new Set(),
  );
  expect(all.join("\n")).not.toContain("non_replicated");
});

test("views count on each shard what it stored; what is spread over the shards has a table over them", () => {
  expect(
    renderForCluster("CREATE TABLE IF NOT EXISTS access_log (a UInt8)\nENGINE = MergeTree\nORDER BY a", "c"),
  ).toEqual([
    "CREATE TABLE IF NOT EXISTS access_log_local ON CLUSTER 'c' (a UInt8)\nENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')\nORDER BY a",
    "CREATE TABLE IF NOT EXISTS access_log ON CLUSTER 'c' AS access_log_local ENGINE = Distributed('c', currentDatabase(), 'access_log_local', cityHash64(edge_id, batch_id))",
  ]);
  expect(
    renderForCluster("CREATE MATERIALIZED VIEW IF NOT EXISTS v TO top_day AS SELECT * FROM access_log", "c"),
  ).toEqual([
    "CREATE MATERIALIZED VIEW IF NOT EXISTS v ON CLUSTER 'c' TO top_day_local AS SELECT * FROM access_log_local AS access_log",
  ]);
  expect(renderForCluster("CREATE TABLE small (a UInt8) ENGINE = ReplacingMergeTree(a) ORDER BY a", "c")).toEqual([
    "CREATE TABLE small ON CLUSTER 'c' (a UInt8) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}', '{shard}-{replica}', a) ORDER BY a",
  ]);
  expect(renderForCluster("ALTER TABLE access_log ADD COLUMN b UInt8", "c")).toEqual([
    "ALTER TABLE access_log_local ON CLUSTER 'c' ADD COLUMN b UInt8",
    "ALTER TABLE access_log ON CLUSTER 'c' ADD COLUMN b UInt8",
  ]);
});

/** The embedded engine has no cluster: the same tables without replication, and Merge in place of Distributed. */
function onOneServer(statement: string): string {
  return statement
    .replace(/ ON CLUSTER 'edgewright'/g, "")
    .replace(/ENGINE = Replicated(\w+)\('[^']*', '[^']*'(?:, )?/, "ENGINE = $1(")
    .replace(
      /ENGINE = Distributed\('[^']*', currentDatabase\(\), '(\w+)', .*$/,
      (_, local: string) => `ENGINE = Merge(currentDatabase(), '^${local}$')`,
    )
    .replace(/\breplicated_deduplication_window = \d+, replicated_deduplication_window_seconds = \d+, /, "");
}

test("what a cluster's statements make counts as on one server", async () => {
  const migrations = await readMigrations();
  const texts = migrations.flatMap((migration) => migration.statements.map((statement) => statement.text));
  // There is nothing to be copied, and a Merge takes no rows.
  for (const text of texts.filter((each) => !each.startsWith("INSERT"))) {
    for (const query of rendered(text, "edgewright")) await clickhouse.command({ query: onOneServer(query) });
  }
  await clickhouse.command({
    query:
      "INSERT INTO access_log_local (time, account_id, status, bytes_out, weight) VALUES (now64(3), generateUUIDv4(), 200, 7, 3)",
  });
  const [found] = z.array(z.object({ requests: z.coerce.number(), bytes: z.coerce.number() })).parse(
    await (
      await clickhouse.query({
        query: "SELECT sum(requests) AS requests, sum(bytes_out) AS bytes FROM traffic_day WHERE dimension = 'all'",
        format: "JSONEachRow",
      })
    ).json(),
  );
  // Once for the distribution, once for the account.
  expect(found).toEqual({ requests: 6, bytes: 42 });
});
