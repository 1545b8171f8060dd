// What edges send by HTTP, and what of it counts: real Postgres, the real ClickHouse engine.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { batchOf, line } from "../../../../agents/access-log/test-lines.ts";
import { LOG_BATCH_BYTES_MAX } from "../../../../agents/contract.ts";
import type { Caller } from "../../../http/caller.ts";
import { type ReportWorld, secondsOf, startReportWorld } from "../test-report-world.ts";

// Yesterday.
const DAY = new Date(Date.now() - 24 * 3_600_000).toISOString().slice(0, 10);

let world: ReportWorld;
let owner: Caller;
let stranger: Caller;

beforeAll(async () => {
  world = await startReportWorld({ clock: () => new Date() });
  ({ owner, stranger } = world);
});
afterAll(() => world?.stop());

const replySchema = z.object({ data: z.array(z.looseObject({})) });

async function trafficOf(query: string, as?: string) {
  const answer = await world.get(`/reports/traffic?${query}`, as);
  expect(answer.status).toBe(200);
  return replySchema.parse(await answer.json());
}

test("a batch without a proper id is a 422, one that is too large a 413", async () => {
  expect((await world.sendBatch({ id: "x", body: Buffer.from("") })).status).toBe(422);
  const large = { id: "b".repeat(64), body: Buffer.alloc(LOG_BATCH_BYTES_MAX + 1, "\n") };
  expect((await world.sendBatch(large)).status).toBe(413);
});

test("a line of a sample counts for all the requests that it stands for", async () => {
  const sampled = await world.distribution("owner", "sampled.example.com");
  const at = secondsOf(new Date(`${DAY}T08:00:00Z`));
  const common = { account: owner.accountId, distribution: sampled, time: at };
  const { weight: _, ...older } = line({ ...common, bytes_out: 7, cache_status: "MISS" });
  const sent = await world.sendBatch(
    batchOf([
      line({ ...common, weight: 40, bytes_out: 1000, bytes_in: 10, cache_status: "HIT" }),
      line({ ...common, weight: 1, bytes_out: 300, bytes_in: 5, cache_status: "NONE", status: 503 }),
      // As an edge writes it that knows of no samples.
      JSON.stringify(older),
    ]),
  );
  expect(sent.status).toBe(204);
  const metrics = "requests,bytes,bytes_in,hits,hit_ratio,status_2xx,status_5xx";
  const period = `from=${DAY}T08:00:00Z&to=${DAY}T09:00:00Z&interval=hour`;
  const { data } = await trafficOf(`distribution_id=${sampled}&${period}&metrics=${metrics}`);
  expect(data).toEqual([
    {
      time: `${DAY}T08:00:00.000Z`,
      requests: 42,
      bytes: 40_307,
      bytes_in: 505,
      hits: 40,
      hit_ratio: 0.952381,
      status_2xx: 41,
      status_5xx: 1,
    },
  ]);
});

test("an edge that lies changes no report: of another's distribution, of one it does not have, of a sample that is none", async () => {
  const period = `from=${DAY}T03:00:00Z&to=${DAY}T04:00:00Z&interval=hour&metrics=requests,bytes`;
  const elsewhere = await world.distribution("stranger", "elsewhere.example.com");
  await world.database.db("deployment").where({ distribution_id: elsewhere }).update({ rev: 0, state: "removed" });
  const honest = {
    time: secondsOf(new Date(`${DAY}T03:30:00Z`)),
    account: owner.accountId,
    distribution: world.mine,
    bytes_out: 10,
  };
  const batch = batchOf([
    line(honest),
    line({ ...honest, account: stranger.accountId }),
    line({ ...honest, distribution: world.foreign }),
    line({ ...honest, account: stranger.accountId, distribution: elsewhere }),
    line({ ...honest, distribution: randomUUID() }),
    line({ ...honest, weight: 65_535 }),
    line({ ...honest, bytes_out: 2 ** 40 + 1 }),
  ]);
  expect((await world.sendBatch(batch)).status).toBe(204);
  expect((await trafficOf(period)).data).toMatchObject([{ requests: 1, bytes: 10 }]);
  expect((await trafficOf(period, "stranger")).data).toMatchObject([{ requests: 0, bytes: 0 }]);
});

test("a line that waited while its group's sample was changed counts for what it was then", async () => {
  const late = { time: secondsOf(new Date(`${DAY}T05:30:00Z`)), account: owner.accountId, distribution: world.mine };
  await world.sendBatch(batchOf([line({ ...late, weight: 20 }), line({ ...late, weight: 25 })]));
  const period = `from=${DAY}T05:00:00Z&to=${DAY}T06:00:00Z&interval=hour&metrics=requests`;
  expect((await trafficOf(period)).data).toMatchObject([{ requests: 20 }]);
});
