// How ClickHouse is asked, by the real engine: limits, and questions that nobody waits for any more.
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createTestClickHouse, type TestClickHouse } from "../../../database/test-clickhouse.ts";
import { reportTooLarge } from "../problems.ts";
import { createReportQueries } from "./report-queries.ts";
import { literal } from "./sql.ts";
import { createTurns } from "./turns.ts";

let server: TestClickHouse;
const anything = z.record(z.string(), z.unknown());
const patient = new AbortController().signal;

beforeAll(async () => {
  server = await createTestClickHouse();
});
afterAll(() => server.stop());

function ask(query: string, signal: AbortSignal = patient, limits?: { secondsMax?: number; memoryBytesMax?: number }) {
  const queries = createReportQueries({ clickhouse: server.clickhouse, ...limits });
  return queries.rows(anything, { query, accountId: "a", signal });
}

test("a question that needs too much time or memory is refused with what would help", async () => {
  const long = "SELECT count() FROM numbers(1e15) WHERE sipHash64(number) = 1";
  const large = "SELECT count() FROM (SELECT number FROM numbers(1e8) GROUP BY number)";
  await expect(ask(long, patient, { secondsMax: 1 })).rejects.toMatchObject({
    kind: reportTooLarge,
    detail: expect.stringMatching(/^It took longer than 1 s\. Ask for a shorter period/),
  });
  await expect(ask(large, patient, { memoryBytesMax: 2 ** 24 })).rejects.toMatchObject({
    kind: reportTooLarge,
    detail: expect.stringMatching(/^It needed more than 16 MiB\. Ask for/),
  });
});

test("a question ends when whoever asked goes away, and its turn is free again", async () => {
  const turns = createTurns({ atOnce: 1, atOnceEach: 1, waitingEachMax: 1 });
  const queries = createReportQueries({ clickhouse: server.clickhouse, turns });
  const leaving = new AbortController();
  const endless = "SELECT count() FROM numbers(1e16) WHERE sipHash64(number) = 2";
  const asked = queries.rows(anything, { query: endless, accountId: "a", signal: leaving.signal });
  const running = async () => {
    const query =
      "SELECT count() AS n FROM system.processes WHERE query LIKE '%1e16%' AND query NOT LIKE '%processes%'";
    return (await ask(query)).map(({ n }) => Number(n))[0];
  };
  await expect.poll(running, { timeout: 15_000 }).toBe(1);
  leaving.abort(new Error("went away"));
  await expect(asked).rejects.toThrow();
  await expect.poll(running, { timeout: 15_000 }).toBe(0);
  expect(await queries.rows(anything, { query: "SELECT 1 AS one", accountId: "b", signal: patient })).toEqual([
    { one: 1 },
  ]);
});

test("nothing can be changed by a question", async () => {
  await expect(ask("TRUNCATE TABLE access_log")).rejects.toThrow(/readonly/);
});

test("a text in a question stays a text, whatever it is", async () => {
  const texts = ["'", "\\", "\\'", "' OR 1 --", "\0", "\n", "{x:String}", "?", "ü ' \\\\ 😀", "$$", "/*", "%s"];
  expect(await ask(`SELECT ${texts.map((text, index) => `${literal(text)} AS t${index}`).join(", ")}`)).toEqual([
    Object.fromEntries(texts.map((text, index) => [`t${index}`, text])),
  ]);
});
