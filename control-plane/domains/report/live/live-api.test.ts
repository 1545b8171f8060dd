// Traffic as it happens, over HTTP: real Postgres, the real ClickHouse engine, lines as an edge sends them. Time stands
// still unless a test moves it.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createLogger } from "../../../../platform/log.ts";
import type { ClickHouse } from "../../../database/clickhouse.ts";
import { type ReportWorld, secondsOf, startReportWorld, type TestLine } from "../test-report-world.ts";
import { liveRoutes } from "./routes.ts";
import { createLiveService } from "./service.ts";
import { openStream } from "./stream.ts";
import { createTrafficWatch } from "./watch.ts";

const STREAMS_MAX = 3;
const times = { tickMs: 20, recheckMs: 50, heartbeatMs: 100, stalledMs: 100 };
const log = createLogger({ role: "test", level: "silent" });

let now = Math.floor(Date.now() / 1000) * 1000 - 600_000;
const clock = () => new Date(now);
let queries = 0;
let world: ReportWorld;

beforeAll(async () => {
  world = await startReportWorld({
    clock,
    routes: ({ server, distributions }) =>
      liveRoutes({
        live: createLiveService({
          clickhouse: counted(server.clickhouse),
          ...{ distributions, clock, log, times, streamsMax: STREAMS_MAX },
        }),
      }),
  });
});
afterAll(() => world.stop());

function counted(clickhouse: ClickHouse): ClickHouse {
  return new Proxy(clickhouse, {
    get(target, name) {
      if (name === "query") queries += 1;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

// No test sees the lines of another.
afterEach(() => {
  world.signedIn.add("owner");
  now += 600_000;
});

const secondSchema = z.looseObject({ time: z.string(), requests: z.number() });
const eventSchema = z.object({
  name: z.string(),
  id: z.string().optional(),
  data: z.looseObject({ seconds: z.array(secondSchema).optional(), status: z.number().optional() }),
});
type SseEvent = z.infer<typeof eventSchema>;

interface Stream {
  readonly answer: Response;
  next(): Promise<SseEvent | undefined>;
  /** Events up to the first that fits, which comes last. */
  until(fits: (event: SseEvent) => boolean): Promise<readonly SseEvent[]>;
  heartbeat(): Promise<void>;
  close(): Promise<void>;
}

const opened: Stream[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((stream) => stream.close()));
});

async function open(query = "", as = "owner", headers: Readonly<Record<string, string>> = {}): Promise<Stream> {
  const answer = await world.get(`/reports/realtime?${query}`, as, headers);
  if (answer.body === null) throw new Error("the answer has no body");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  async function block(): Promise<string | undefined> {
    while (!rest.includes("\n\n")) {
      const { value, done } = await reader.read();
      if (done) return undefined;
      rest += value;
    }
    const end = rest.indexOf("\n\n");
    const text = rest.slice(0, end);
    rest = rest.slice(end + 2);
    return text;
  }
  async function next(): Promise<SseEvent | undefined> {
    for (let text = await block(); text !== undefined; text = await block()) {
      const fields = new Map(
        text.split("\n").map((line) => [line.split(":", 1)[0], line.slice(line.indexOf(":") + 2)]),
      );
      if (!fields.has("event")) continue;
      const id = fields.get("id");
      const data: unknown = JSON.parse(fields.get("data") ?? "");
      return eventSchema.parse({ name: fields.get("event"), data, ...(id === undefined ? {} : { id }) });
    }
    return undefined;
  }
  const stream = {
    answer,
    next,
    async until(fits: (event: SseEvent) => boolean) {
      const events: SseEvent[] = [];
      for (let event = await next(); event !== undefined; event = await next()) {
        events.push(event);
        if (fits(event)) return events;
      }
      throw new Error(`the stream ended after ${JSON.stringify(events)}`);
    },
    async heartbeat() {
      while ((await block()) !== ":");
    },
    close: () => reader.cancel(),
  };
  opened.push(stream);
  return stream;
}

const of = (ageMs: number, changes: TestLine = {}): TestLine => ({
  ...{ time: secondsOf(new Date(now - ageMs)), account: world.owner.accountId, distribution: world.mine },
  ...changes,
});
const timeOf = (ageMs: number) => new Date(Math.floor((now - ageMs) / 1000) * 1000).toISOString();
const secondIn = (event: SseEvent | undefined, time: string) => event?.data.seconds?.find((each) => each.time === time);

test("the last minute at once, zeros included; then each second as it ends, and what a late line corrects", async () => {
  await world.sendLines([
    of(3_000, { bytes_out: 100 }),
    of(3_000, { bytes_out: 50, weight: 40, status: 503, cache_status: "MISS" }),
    of(70_000),
  ]);
  const stream = await open(`distribution_id=${world.mine}`);
  expect(Object.fromEntries(stream.answer.headers)).toMatchObject({
    ...{ "content-type": "text/event-stream", "x-accel-buffering": "no", "cache-control": "no-store, no-transform" },
  });
  const first = await stream.next();
  expect(first).toMatchObject({ name: "seconds", id: timeOf(0), data: { to: timeOf(0) } });
  expect(first?.data.seconds).toHaveLength(60);
  expect(first?.data.seconds?.[0]).toMatchObject({ time: timeOf(60_000), requests: 0, hit_ratio: 0 });
  expect(first?.data.seconds?.filter(({ requests }) => requests > 0)).toEqual([
    {
      ...{ time: timeOf(3_000), requests: 41, bytes: 2_100, hits: 1, hit_ratio: 0.02439 },
      ...{ status_1xx: 0, status_2xx: 1, status_3xx: 0, status_4xx: 0, status_5xx: 40 },
    },
  ]);

  await world.sendLines([of(10_000)]);
  const late = await stream.next();
  expect(late?.data.seconds).toMatchObject([{ time: timeOf(10_000), requests: 1 }]);

  now += 1_000;
  const later = await stream.next();
  expect(later).toMatchObject({ id: timeOf(0), data: { seconds: [{ time: timeOf(1_000), requests: 0 }] } });
});

test("what another account's edges served is not in it, and their distribution is a 404", async () => {
  await world.sendLines([of(5_000, { account: world.stranger.accountId, distribution: world.foreign })]);
  const [whole, theirs] = await Promise.all([open(), open("", "stranger")]);
  expect((await whole.next())?.data.seconds?.every(({ requests }) => requests === 0)).toBe(true);
  expect(secondIn(await theirs.next(), timeOf(5_000))?.requests).toBe(1);
  for (const id of [world.foreign, randomUUID()]) {
    expect((await world.get(`/reports/realtime?distribution_id=${id}`)).status).toBe(404);
  }
});

test("all viewers of the same traffic share its queries", async () => {
  const viewers = [await open(), await open(), await open()];
  for (const viewer of viewers) await viewer.next();
  const before = queries;
  const steps = 5;
  for (let step = 0; step < steps; step += 1) {
    now += 1_000;
    await Promise.all(viewers.map((viewer) => viewer.until(({ id }) => id === timeOf(0))));
  }
  const sent = await Promise.all(viewers.map((viewer) => viewer.close())).then(() => queries - before);
  await world.sendLines([of(2_000)]);
  // Each of the viewers asking for itself would have asked thrice as often as one that is alone.
  const alone = await open();
  await alone.next();
  const beforeAlone = queries;
  for (let step = 0; step < steps; step += 1) {
    now += 1_000;
    await alone.until(({ id }) => id === timeOf(0));
  }
  expect(sent).toBeLessThan(2 * (queries - beforeAlone) + steps);
});

test("an account may watch so many streams, and one that is closed makes room", async () => {
  const streams = [await open(), await open(), await open()];
  const refused = await world.get("/reports/realtime");
  expect([refused.status, refused.headers.get("retry-after"), await refused.json()]).toMatchObject([
    429,
    "15",
    { type: "urn:edgewright:problem:too-many-streams" },
  ]);
  expect((await open("seconds=0", "stranger")).answer.status).toBe(200);
  await streams[0]?.close();
  await expect.poll(async () => (await open("seconds=0")).answer.status, { timeout: 5_000 }).toBe(200);
});

test("with seconds=0 it ends after the first event, and HEAD takes no place", async () => {
  const stream = await open("seconds=0");
  expect((await stream.next())?.data.seconds).toHaveLength(60);
  expect(await stream.next()).toBeUndefined();
});

test("a viewer that comes again is told what it missed, and what may have been corrected meanwhile", async () => {
  await world.sendLines([of(150_000), of(100_000)]);
  const resumed = await open("seconds=0", "owner", { "last-event-id": timeOf(90_000) });
  const first = await resumed.next();
  expect(first?.data.seconds).toHaveLength(150);
  expect(secondIn(first, timeOf(150_000))?.requests).toBe(1);
  expect(secondIn(first, timeOf(100_000))?.requests).toBe(1);
  const longAway = await open("seconds=0", "owner", { "last-event-id": timeOf(7_200_000) });
  expect((await longAway.next())?.data.seconds).toHaveLength(300);
  for (const id of ["nonsense", timeOf(0)]) {
    const stream = await open("seconds=0", "owner", { "last-event-id": id });
    expect((await stream.next())?.data.seconds).toHaveLength(60);
  }
});

test("nothing new is a heart-beat", async () => {
  const stream = await open();
  await stream.next();
  await stream.heartbeat();
});

test("it ends when the session does, and says so", async () => {
  const stream = await open();
  await stream.next();
  world.signedIn.delete("owner");
  const end = (await stream.until(({ name }) => name === "end")).at(-1);
  expect(end?.data).toMatchObject({ status: 401 });
  expect(await stream.next()).toBeUndefined();
});

test("while ClickHouse is away it says so, and goes on when it is back", async () => {
  const stream = await open();
  await stream.next();
  world.server.kill();
  const trouble = await stream.until(({ name }) => name === "trouble");
  expect(trouble.at(-1)?.data).toMatchObject({ status: 503, detail: expect.stringContaining("clickhouse") });
  await stream.until(({ name }) => name === "seconds");
  expect((await world.get("/reports/realtime?seconds=0")).status).toBe(200);
});

/** Without HTTP, whose buffers a test cannot fill. */
function directly() {
  const scope = { accountId: world.owner.accountId, distributionId: world.mine };
  const signal = new AbortController().signal;
  const watch = createTrafficWatch({ clickhouse: world.server.clickhouse, clock, log, tickMs: times.tickMs });
  const viewer = { scope, seconds: undefined, toldUntil: undefined, signal, recheck: async () => {} };
  return { watch, open: (changes = {}) => openStream(watch, viewer, { ...times, stalledMs: 60_000, ...changes }) };
}

test("a slow reader gets all that changed in few events, and nothing piles up for it", async () => {
  const { watch, open } = directly();
  const stream = await open({ heartbeatMs: 60_000 });
  await once(stream, "readable");
  const quick = await watch.join({ accountId: world.owner.accountId, distributionId: world.mine }, () => {});
  for (let step = 0; step < 30; step += 1) {
    now += 1_000;
    await expect.poll(() => quick.seconds.span().to.getTime(), { interval: 5 }).toBe(now);
  }
  quick.leave();
  const told = new Set<string>();
  let events = 0;
  for await (const chunk of stream) {
    for (const data of String(chunk).match(/(?<=^data: ).*$/gm) ?? []) {
      events += 1;
      for (const { time } of eventSchema.shape.data.parse(JSON.parse(data)).seconds ?? []) told.add(time);
    }
    if (told.has(timeOf(1_000))) break;
  }
  expect(told.size).toBe(60 + 30);
  expect(events).toBeLessThanOrEqual(4);
});

test("a reader that takes nothing for long is cut off", async () => {
  const stream = await directly().open({ stalledMs: 50 });
  await once(stream, "readable");
  await once(stream, "close");
  expect(stream.destroyed).toBe(true);
});

test("a server that stops ends the streams at once and says why", async () => {
  const streams = [await open(), await open("", "stranger")];
  for (const stream of streams) await stream.next();
  const stopped = world.stopApi();
  for (const stream of streams) {
    const end = (await stream.until(({ name }) => name === "end")).at(-1);
    expect(end?.data).toMatchObject({ status: 503, type: "urn:edgewright:problem:server-stopping" });
    expect(await stream.next()).toBeUndefined();
  }
  await stopped;
});
