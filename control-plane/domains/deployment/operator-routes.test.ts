// What operators decide about edges and rollouts over HTTP, guarded by If-Match against what changed since they looked.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Caller } from "../../http/caller.ts";
import { startApiServer } from "../../http/server.ts";
import { type Answer, ask } from "../../http/test-ask.ts";
import { edgeNodeRoutes } from "../edge-node/index.ts";
import { createRolloutService, rolloutRoutes } from "./index.ts";
import { insertRollout } from "./rollout-store.ts";
import { createEdge, createScope, createTestWorld, log, report, type TestWorld } from "./test-world.ts";

let world: TestWorld;
let server: Awaited<ReturnType<typeof startApiServer>>;
let group: string;

beforeAll(async () => {
  world = await createTestWorld();
  const { db, edgeNodes, clock, customer } = world;
  const operator: Caller = { ...customer, platformRole: "admin" };
  const nobodyElse = () => Promise.reject(new Error("operators alone ask here"));
  server = await startApiServer({
    routes: [...edgeNodeRoutes({ db, edgeNodes, clock }), ...rolloutRoutes(createRolloutService({ db }))],
    authenticate: { account: async () => operator, user: nobodyElse, edge: nobodyElse },
    readiness: [],
    log,
    host: "127.0.0.1",
    port: 0,
  });
  group = await createScope(world);
});
afterAll(async () => {
  await server?.part.stop();
  await world?.stop();
});

const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  ask(`${server.url}/api/v1${path}`, method, { token: "operator", body, headers });
const tagOf = ({ headers }: Answer) => ({ "if-match": headers.get("etag") ?? "" });
const CHANGED = { status: 412, body: { type: "urn:edgewright:problem:precondition-failed" } };

test("an edge is changed and deleted as it was read, however much it has reported since", async () => {
  const edge = await createEdge(world, group);
  const path = `/edges/${edge.edgeId}`;
  const read = await call("GET", path);
  await report(world, edge, { applied: 0 });
  const later = await call("GET", path);
  expect(later.headers.get("etag")).not.toBe(read.headers.get("etag"));
  const drained = await call("PATCH", path, { state: "draining" }, tagOf(read));
  expect(drained).toMatchObject({ status: 200, body: { state: "draining" } });

  expect(await call("PATCH", path, { state: "maintenance" }, tagOf(later))).toMatchObject(CHANGED);
  expect(await call("DELETE", path, undefined, tagOf(read))).toMatchObject(CHANGED);
  expect(await call("GET", path)).toMatchObject({ status: 200, body: { state: "draining" } });
  expect(await call("DELETE", path, undefined, tagOf(drained))).toMatchObject({ status: 204 });
});

test("an edge that reports nothing new is not sent again", async () => {
  const { edgeId } = await createEdge(world, group);
  const read = await call("GET", `/edges/${edgeId}`);
  const headers = { "if-none-match": read.headers.get("etag") ?? "" };
  expect(await call("GET", `/edges/${edgeId}`, undefined, headers)).toMatchObject({ status: 304 });
});

test("a rollout is continued and stopped as it was read", async () => {
  const [id, state] = ["3f5b7d9e-1a2c-4e6f-8b0d-2c4e6a8b0d1f", "canary"] as const;
  const counts = { refused_before: [], refused: 0, compiled_rev: null, quiet_since: null };
  const row = { id, compiler_version: 99, group_id: group, state, reason: null, finished_at: null };
  await world.db.transaction((tx) => insertRollout(tx, { ...row, ...counts, created_at: world.clock() }));
  const path = `/deployment-rollouts/${id}`;
  const read = await call("GET", path);
  await world.db("deployment_rollout").where({ id }).update({ refused: 3 });
  expect(await call("POST", `${path}/continue`, undefined, tagOf(read))).toMatchObject(CHANGED);
  const stopped = await call("POST", `${path}/stop`, undefined, tagOf(await call("GET", path)));
  expect(stopped).toMatchObject({ status: 200, body: { state: "stopped" } });
  expect(await call("POST", `${path}/continue`, undefined, tagOf(read))).toMatchObject(CHANGED);
  expect(await call("POST", `${path}/continue`)).toMatchObject({ status: 200, body: { state: "spreading" } });
});
