import { afterAll, beforeAll, expect, test } from "vitest";
import { type Dependency, healthRoutes } from "./health.ts";
import { type BookApi, startBookApi } from "./test-books.ts";

let api: BookApi;

beforeAll(async () => {
  api = await startBookApi({ readiness });
});

afterAll(() => api.stop());

let isRedisBack = false;
let isMailHanging = true;
const readiness: Dependency[] = [
  { name: "database", check: async () => {} },
  {
    name: "redis",
    check: async () => {
      if (!isRedisBack) throw new Error("connect refused");
    },
  },
  {
    name: "mail",
    optional: true,
    check: async () => {
      if (isMailHanging) await new Promise(() => {});
      throw new AggregateError([new Error("refused at ::1"), new Error("refused at 127.0.0.1")], "");
    },
  },
];

test("readiness names each dependency; one that hangs is given up on, one that is needed makes it a 503", async () => {
  const away = await api.ask("/ready");
  expect(away.status).toBe(503);
  expect(await away.json()).toMatchObject({
    status: "not_ready",
    dependencies: [
      { name: "database", status: "ok", reason: null },
      { name: "redis", status: "failed", reason: "connect refused" },
      { name: "mail", status: "failed", optional: true, reason: "no answer within 2000 ms" },
    ],
  });
  isRedisBack = true;
  isMailHanging = false;
  const back = await api.ask("/ready");
  expect([back.status, await back.json()]).toMatchObject([
    200,
    { status: "degraded", dependencies: [{}, {}, { reason: "refused at ::1; refused at 127.0.0.1" }] },
  ]);
});

test("whoever asks for readiness while it is asked for gets the same answer", async () => {
  let asked = 0;
  const database: Dependency = {
    name: "database",
    check: async () => {
      asked += 1;
    },
  };
  const ready = healthRoutes([database]).find(({ path }) => path === "/ready");
  if (ready === undefined) throw new Error("there is no such route");
  const facts = {
    ...{ requestId: "1", clientAddress: "127.0.0.1", header: () => undefined, rawBody: undefined, waitSeconds: 0 },
    ...{ accepted: "application/json", recheck: async () => {} },
    signal: new AbortController().signal,
  };
  const ask = () => ready.run({ params: {}, query: {}, body: undefined, caller: undefined, facts });
  const replies = await Promise.all([ask(), ask(), ask()]);
  expect(asked).toBe(1);
  for (const reply of replies) expect(reply).toMatchObject({ status: 200, body: { status: "ready" } });
  await ask();
  expect(asked).toBe(2);
});

test("the docs page, its files, the description and the metrics are served", async () => {
  expect(await (await api.ask("/docs")).text()).toContain("/docs/swagger-ui-bundle.js");
  expect((await api.ask("/docs/swagger-ui-bundle.js")).headers.get("content-type")).toContain("text/javascript");
  expect((await api.ask("/docs/swagger-ui.css")).status).toBe(200);
  expect(await (await api.ask("/api/v1/openapi.json")).json()).toMatchObject({ openapi: "3.1.0" });
  expect(await (await api.ask("/metrics")).text()).toContain(
    'edgewright_http_request_duration_seconds_count{method="GET",route="/docs",status="200"}',
  );
});
