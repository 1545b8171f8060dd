// What only a cluster runs is read by the parser of the real engine, which has none.
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { renderForCluster } from "../../../database/clickhouse-cluster.ts";
import { createTestClickHouse, type TestClickHouse } from "../../../database/test-clickhouse.ts";
import { changedPartsQuery, clusterNameIn, deleteTopsQuery } from "./cluster-sql.ts";

let server: TestClickHouse;
beforeAll(async () => {
  server = await createTestClickHouse();
});
afterAll(() => server.stop());

async function textOf(expression: string, text: string): Promise<string> {
  const answer = await server.clickhouse.query({
    query: `SELECT ${expression} AS text`,
    query_params: { text },
    format: "JSONEachRow",
  });
  return z.tuple([z.object({ text: z.string() })]).parse(await answer.json())[0].text;
}

/** As the parser understands it; throws where it does not. */
const format = (statement: string) => textOf("formatQuery({text:String})", statement);

test("days that changed are looked for on every server of the cluster, in the table that has the lines there", async () => {
  const formatted = await format(changedPartsQuery("eu-1"));
  expect(formatted).toContain("FROM clusterAllReplicas('eu-1', system.parts)");
  expect(formatted).toContain("(`table` = 'access_log_local')");
  await expect(format(`${changedPartsQuery("eu-1")} torn (`)).rejects.toThrow(/Syntax error/);
});

test("the heaviest of a day are deleted on every shard", async () => {
  const condition = "day >= toDate('2026-05-01') AND has({accounts:Array(UUID)}, account_id)";
  const formatted = await format(deleteTopsQuery("eu-1", condition));
  expect(formatted).toMatch(/^ALTER TABLE top_account_day_local ON CLUSTER `?'?eu-1'?`?\s+\(?DELETE WHERE/);
});

test("a cluster is known by the table over its shards; one server has none", async () => {
  const [, over = ""] = renderForCluster("CREATE TABLE access_log (a UInt8)\nENGINE = MergeTree\nORDER BY a", "eu-1");
  const engine = /ENGINE = (.*)/s.exec(await format(over))?.[1] ?? "";
  expect(engine).toMatch(/^Distributed\('eu-1'/);
  const nameIn = (text: string) => textOf(clusterNameIn("{text:String}"), text);
  expect(await nameIn(engine)).toBe("eu-1");
  expect(await nameIn("MergeTree PARTITION BY toYYYYMMDD(time) ORDER BY a")).toBe("");
});
