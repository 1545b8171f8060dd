// How ClickHouse is asked, by the real engine: limits, and questions that nobody waits for any more.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Problem } from "../../../../platform/problem.ts";
import { createTestClickHouse, type TestClickHouse } from "../../../database/test-clickhouse.ts";
import { tooManyRequests } from "../../../http/problems.ts";
import { reportTooLarge } from "../problems.ts";
import { countTraffic } from "./count-traffic.ts";
import type { Filter } from "./dimensions.ts";
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
  return queries.rows(anything, { query, accountId: "a", source: "lines", signal });
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
  const queries = createReportQueries({ clickhouse: server.clickhouse, turns: oneEach() });
  const leaving = new AbortController();
  const endless = "SELECT count() FROM numbers(1e16) WHERE sipHash64(number) = 2";
  const asked = queries.rows(anything, { query: endless, accountId: "a", source: "lines", signal: leaving.signal });
  const running = async () => {
    const query =
      "SELECT count() AS n FROM system.processes WHERE query LIKE '%1e16%' AND query NOT LIKE '%processes%'";
    return (await ask(query)).map(({ n }) => Number(n))[0];
  };
  await expect.poll(running, { timeout: 15_000 }).toBe(1);
  leaving.abort(new Error("went away"));
  await expect(asked).rejects.toThrow();
  await expect.poll(running, { timeout: 15_000 }).toBe(0);
  const one = { query: "SELECT 1 AS one", accountId: "b", source: "lines", signal: patient } as const;
  expect(await queries.rows(anything, one)).toEqual([{ one: 1 }]);
});

/** One turn for what is read of each. */
function oneEach() {
  const turns = () =>
    createTurns({ atOnce: 1, forModest: 0, waitingEachMax: 1, refusal: () => new Problem(tooManyRequests, "Wait.") });
  return { "roll-ups": turns(), lines: turns(), platform: turns() };
}

test("what reads lines holds up neither what roll-ups tell nor what the platform asks", async () => {
  const turns = oneEach();
  const queries = createReportQueries({ clickhouse: server.clickhouse, turns });
  const done = await turns.lines.take("greedy", patient);
  const asked = (source: "roll-ups" | "lines" | "platform") =>
    queries.rows(anything, { query: "SELECT 1 AS one", accountId: "b", source, signal: patient });
  const waits = asked("lines");
  expect(await Promise.all([asked("roll-ups"), asked("platform")])).toEqual([[{ one: 1 }], [{ one: 1 }]]);
  expect(await queries.accountsElsewhere()).toEqual(new Set());
  done();
  expect(await waits).toEqual([{ one: 1 }]);
});

test("a report waits for the turns of what it is read from, be it by a minute that is not whole", async () => {
  const turns = oneEach();
  const queries = createReportQueries({ clickhouse: server.clickhouse, turns });
  const [accountId, now] = [randomUUID(), new Date()];
  const traffic = (filter: Filter) =>
    countTraffic(
      {
        ...{ filter, group: undefined, groupsMax: 1, ingredients: ["requests"] },
        scope: { accountIds: [accountId], distributionIds: "all" },
        period: { from: new Date(now.getTime() - 3_599_999), to: new Date(now.getTime() - 1) },
        starts: [new Date(now.getTime() - 3_599_999)],
      },
      { queries, accountId, now, signal: patient },
    );
  const done = await turns.lines.take("greedy", patient);
  const acrossTwo = traffic({ country: ["DE"], status: ["404"] });
  expect((await traffic({ country: ["DE"] })).total.get("requests")).toBe(0);
  done();
  expect((await acrossTwo).total.get("requests")).toBe(0);
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
