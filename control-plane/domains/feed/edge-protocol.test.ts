import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import {
  changesReplySchema,
  type EnrolReply,
  enrolReplySchema,
  FEED_ID_HEADER,
  renewReplySchema,
} from "../../../agents/contract.ts";
import type { Part } from "../../../platform/lifecycle.ts";
import { openFileStorage } from "../../../platform/object-storage/files.ts";
import { createSeal } from "../../../platform/seal.ts";
import { unauthorized } from "../../http/problems.ts";
import { startApiServer } from "../../http/server.ts";
import { deploymentRoutes } from "../deployment/routes.ts";
import {
  createDistribution,
  createEdge,
  createGroup,
  createTestWorld,
  feedIdOf,
  log,
  scopeOf,
  type TestWorld,
} from "../deployment/test-world.ts";
import {
  createEdgeAuthenticator,
  createEdgeAuthority,
  createStillEnrolled,
  edgeGroupRoutes,
  edgeNodeRoutes,
} from "../edge-node/index.ts";
import { capabilities, createTestKey, edgeToken } from "../edge-node/test-agent.ts";
import { createCheckpointWriter } from "./checkpoint.ts";
import { type FeedGateway, startFeedGateway } from "./gateway.ts";
import { feedRoutes } from "./routes.ts";
import { createSnapshotReader } from "./snapshot.ts";

const tokenSchema = z.object({ token: z.string() });
const key = createTestKey();
let world: TestWorld;
let gateway: FeedGateway;
let api: { url: string; part: Part };
let folder: string;
let checkpoints: ReturnType<typeof createCheckpointWriter>;
let group: string;
let agent: EnrolReply;

// One agent's day over HTTP: the tests follow each other.
beforeAll(async () => {
  world = await createTestWorld();
  const { db, clock } = world;
  folder = await mkdtemp(join(tmpdir(), "edgewright-test-"));
  const storage = await openFileStorage(folder);
  checkpoints = createCheckpointWriter({ ...world, storage });
  gateway = startFeedGateway({ db, clock, assertEnrolled: createStillEnrolled({ db, clock }), log });
  const authority = createEdgeAuthority({ db, seal: createSeal(Buffer.alloc(32, 1)), clock });
  const readSnapshot = createSnapshotReader({ db, storage, log });
  api = await startApiServer({
    routes: [
      ...edgeNodeRoutes(world),
      ...edgeGroupRoutes(world.edgeGroups),
      ...deploymentRoutes(world),
      ...feedRoutes({ db, gateway, readSnapshot }),
    ],
    authenticate: {
      account: async ({ header }) => {
        if (header("authorization") === "Bearer customer") return world.customer;
        if (header("authorization") === "Bearer operator") return { ...world.customer, platformRole: "admin" };
        throw unauthorized("Who?");
      },
      user: () => Promise.reject(new Error("nobody asks for themselves here")),
      edge: createEdgeAuthenticator({ db, authority, clock }),
    },
    ...{ readiness: [], log, host: "127.0.0.1", port: 0 },
  });
  group = await createGroup(world, "paris");
});
afterAll(async () => {
  await api?.part.stop();
  await gateway?.part.stop();
  await world?.stop();
  await rm(folder, { recursive: true, force: true });
});

function call(path: string, { token, json }: { token?: string; json?: object } = {}): Promise<Response> {
  return fetch(`${api.url}${path}`, {
    method: json === undefined ? "GET" : "POST",
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(json === undefined ? {} : { "content-type": "application/json" }),
    },
    body: json === undefined ? null : JSON.stringify(json),
    signal: AbortSignal.timeout(15_000),
  });
}

async function asAgent(path: string, json?: object): Promise<Response> {
  const token = await edgeToken({ edgeId: agent.edge_id, certificate: agent.certificate, key: key.key });
  return call(`/edge/v1${path}`, { token, ...(json === undefined ? {} : { json }) });
}

const changesPath = async (since: number, wait: number) =>
  `/changes?feed_id=${await feedIdOf(world)}&since=${since}&wait=${wait}`;

describe("an agent over HTTP", () => {
  test("enrols with an operator's token", async () => {
    const path = `/api/v1/edge-groups/${group}/enrolment-tokens`;
    expect((await call(path, { token: "customer", json: {} })).status).toBe(403);
    const created = await call(path, { token: "operator", json: {} });
    expect(created.status).toBe(201);
    const { token } = tokenSchema.parse(await created.json());
    const enrolled = await call("/edge/v1/enrol", { json: { token, name: "edge-1", csr: key.csr, capabilities } });
    agent = enrolReplySchema.parse(await enrolled.json());
    expect(agent).toMatchObject({ scope: group, feed_keys: { [world.signer.keyId]: world.publicKey } });
    const again = await call("/edge/v1/enrol", { json: { token, name: "edge-1", csr: key.csr, capabilities } });
    expect(again.status).toBe(401);
  });

  test("is nobody without its token", async () => {
    expect((await call(`/edge/v1${await changesPath(0, 0)}`)).status).toBe(401);
    expect((await call("/edge/v1/snapshot", { token: "a.b.c" })).status).toBe(401);
  });

  test("hears that there is no snapshot and nothing new", async () => {
    const snapshot = await asAgent("/snapshot");
    expect([snapshot.status, snapshot.headers.get(FEED_ID_HEADER)]).toEqual([204, await feedIdOf(world)]);
    const nothing = await asAgent(await changesPath(0, 0));
    expect([nothing.status, await nothing.text()]).toEqual([304, ""]);
  });

  test("gets its group's files and documents as they come", async () => {
    const waiting = asAgent(await changesPath(0, 10));
    await world.compiler.deployStructure(group);
    const reply = changesReplySchema.parse(await (await waiting).json());
    expect(reply.records).toMatchObject([{ kind: "structure", id: group, rev: 1 }]);
    const next = asAgent(await changesPath(1, 10));
    await world.compiler.deploy([await createDistribution(world, "www.example.com")]);
    const changes = await next;
    expect(changes.headers.get("content-type")).toBe("application/json");
    expect(changesReplySchema.parse(await changes.json()).records).toMatchObject([{ kind: "document", rev: 2 }]);
  });

  test("is told to begin again, or what is wrong with its question", async () => {
    const foreign = await asAgent(`/changes?feed_id=${randomUUID()}&since=0`);
    expect(foreign.status).toBe(409);
    expect(await foreign.json()).toMatchObject({ type: "urn:edgewright:problem:another-feed" });
    const odd = await asAgent(`/changes?feed_id=x&since=-1&wait=61`);
    expect(odd.status).toBe(422);
    expect(await odd.json()).toMatchObject({
      errors: [{ pointer: "?feed_id" }, { pointer: "?since" }, { pointer: "?wait" }],
    });
  });

  test("reports, and the customer reads that it is active", async () => {
    const { rev, state_hash } = await scopeOf(world, group);
    const report = { feed_id: await feedIdOf(world), boot_id: randomUUID(), seq: 1, refused: [], structure: 1 };
    const sent = await asAgent("/report", { ...report, applied: rev, state_hash, documents: 1, capabilities });
    expect(await sent.json()).toEqual({ resync: false });
    const row: { id: string } | undefined = await world.db("distribution").first("id");
    const path = `/api/v1/distributions/${row?.id}/deployment`;
    expect(await (await call(path, { token: "customer" })).json()).toMatchObject({
      state: "active",
      groups: [{ group: "paris", revision: rev, state: "active" }],
      edges: [{ edge: "edge-1", state: "applied", applied: rev }],
    });
    const absent = `/api/v1/distributions/${randomUUID()}/deployment`;
    expect((await call(absent, { token: "customer" })).status).toBe(404);
  });

  test("fetches the snapshot once there is one", async () => {
    await checkpoints.write(group, new AbortController().signal);
    const snapshot = await asAgent("/snapshot");
    expect(snapshot.headers.get(FEED_ID_HEADER)).toBe(await feedIdOf(world));
    expect((await snapshot.text()).split("\n")[0]).toMatch(
      new RegExp(`^checkpoint ${await feedIdOf(world)} ${group} 2 2 `),
    );
  });

  test("renews its certificate and goes on with the new one", async () => {
    const renewed = renewReplySchema.parse(await (await asAgent("/renew", { csr: key.csr })).json());
    agent = { ...agent, certificate: renewed.certificate };
    expect((await asAgent("/snapshot")).status).toBe(200);
  });

  test("is seen by operators with what it runs", async () => {
    const edges = await (await call("/api/v1/edges", { token: "operator" })).json();
    expect(edges).toMatchObject({ data: [{ id: agent.edge_id, name: "edge-1", running: { applied: 2 } }] });
    const groups = await (await call("/api/v1/edge-groups?limit=1", { token: "operator" })).json();
    expect(groups).toMatchObject({ data: [{ id: group, name: "paris", capabilities }], next_cursor: null });
    expect((await call("/api/v1/edges", { token: "customer" })).status).toBe(403);
  });
});

test("a server that stops lets waiting agents go with 304", async () => {
  const path = await changesPath(2, 30);
  const waiting = asAgent(path);
  await expect.poll(async () => (await asAgent(await changesPath(2, 0))).status).toBe(304);
  await api.part.stop();
  expect((await waiting).status).toBe(304);
});

test("an edge that is removed while it waits gets no page more", async () => {
  const { edgeId } = await createEdge(world, group, "removed");
  await world.compiler.deployNode({ group_id: group, edge_id: edgeId, version: 1 });
  const question = { feedId: await feedIdOf(world), since: (await scopeOf(world, group)).rev };
  const asks = (waitMs: number) =>
    gateway.changes({ edgeId, scope: group }, { ...question, waitMs }, new AbortController().signal);
  await expect.poll(() => asks(0)).toBeUndefined();
  const waiting = asks(10_000);
  const refused = expect(waiting).rejects.toMatchObject({ kind: { status: 401 } });
  await world.edgeNodes.removeNode(world.customer, edgeId);
  await world.compiler.deployNode({ group_id: group, edge_id: edgeId, version: 2 });
  await refused;
});
