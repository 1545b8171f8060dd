import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createAsk } from "../request.ts";
import { gcoreSettings } from "../settings.ts";
import { createGcore, gcoreRefusal } from "./statistics.ts";
import { GCORE_TOKEN, startTestGcore } from "./test-gcore.ts";

const from = new Date("2026-05-20T11:00:00Z");
const to = new Date("2026-05-20T12:00:00Z");
const at = (text: string) => new Date(`2026-05-20T${text}:00Z`);
const going = new AbortController().signal;

let gcore: Awaited<ReturnType<typeof startTestGcore>>;
beforeAll(async () => {
  gcore = await startTestGcore(new Map());
});
afterAll(() => gcore.stop());
beforeEach(() => gcore.asked.splice(0));

function open(token = GCORE_TOKEN) {
  const ask = createAsk({ name: "Gcore", allowPrivateOrigins: true, refusalOf: gcoreRefusal, wait: async () => {} });
  return createGcore({
    settings: gcoreSettings.parse({ base_url: gcore.url }),
    credentials: { api_token: token },
    ask,
  });
}

test("its metrics are our sums; what came from its cache is what it sent and did not fetch", async () => {
  gcore.say("7", at("11:05"), {
    ...{ requests: 100, responses_hit: 60, sent_bytes: 9_000, upstream_bytes: 2_000 },
    ...{ responses_2xx: 80, responses_3xx: 5, responses_4xx: 10, responses_5xx: 5 },
  });
  gcore.say("8", at("11:10"), { sent_bytes: 10, upstream_bytes: 4_000, responses_2xx: 3 });
  gcore.say("8", at("12:00"), { requests: 1 });
  expect(await open().statistics({ resources: ["7", "8"], from, to }, going)).toEqual([
    {
      ...{ resource: "7", time: at("11:05"), requests: 100, hits: 60, bytesOut: 9_000, hitBytes: 7_000 },
      ...{ originRequests: 0, originBytes: 2_000, byStatusClass: [0, 80, 5, 10, 5] },
    },
    {
      // It fetched more than it sent, and counted answers before their requests.
      ...{ resource: "8", time: at("11:10"), requests: 3, hits: 0, bytesOut: 10, hitBytes: 0 },
      ...{ originRequests: 0, originBytes: 4_000, byStatusClass: [0, 3, 0, 0, 0] },
    },
  ]);
});

test("finer values than five minutes add up; null is nothing; others' resources and times are left out", async () => {
  const time = at("11:05").getTime() / 1000;
  const requests = [
    [time, 1],
    [time + 60, 2],
    [time + 240, null],
    [time - 3_600, 50],
  ];
  gcore.misbehave({
    status: 200,
    body: { resource: { "7": { metrics: { requests, unheard_of: [] } }, "9": { metrics: { requests } } } },
  });
  const [row, ...others] = await open().statistics({ resources: ["7"], from, to }, going);
  expect(row).toMatchObject({ resource: "7", time: at("11:05"), requests: 3 });
  expect(others).toEqual([]);
});

test.each([[{}], [{ resource: {} }]])("%j says nothing of anybody", async (body) => {
  gcore.misbehave({ status: 200, body });
  expect(await open().statistics({ resources: ["7"], from, to }, going)).toEqual([]);
});

test("it is looked at with a harmless request; a wrong token is told in its own words", async () => {
  await open().check(going);
  expect(gcore.asked.map(({ method, url }) => `${method} ${url.pathname}${url.search}`)).toEqual([
    "GET /cdn/resources?limit=1",
  ]);
  await expect(open("wrong").check(going)).rejects.toMatchObject({
    fault: "denied",
    message: "Gcore does not accept the credentials: it answered 401 and said: Invalid token.",
  });
});

test("what it refuses of single fields is told", async () => {
  await expect(open().statistics({ resources: ["404"], from, to }, going)).rejects.toMatchObject({
    fault: "refused",
    message: "Gcore answered 400 and said: resource: CDN resource 404 does not exist.",
  });
});
