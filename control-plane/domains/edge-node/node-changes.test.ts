// What operators do with a node: real Postgres, and the real caches for who it is.
import { randomUUID } from "node:crypto";
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { edgeGroupSettingsSchema } from "../../../edge-templates/index.ts";
import { startTestRedis, type TestService } from "../../../platform/embedded/test-services.ts";
import { createLogger } from "../../../platform/log.ts";
import { createSeal } from "../../../platform/seal.ts";
import { type Cache, openCache } from "../../cache/cache.ts";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import { inTransaction } from "../../database/transaction.ts";
import { platformActor } from "../../http/caller.ts";
import { createEdgeAuthenticator, type EdgeAuthenticator } from "./authenticator.ts";
import { createEdgeAuthority } from "./authority.ts";
import { createEdgeGroupService } from "./group-service.ts";
import { findGroup } from "./group-store.ts";
import { EDGES } from "./identity-store.ts";
import { createEdgeNodeService, type EdgeNodeService } from "./service.ts";
import { createStillEnrolled } from "./still-enrolled.ts";
import { capabilities, createTestKey, edgeToken } from "./test-agent.ts";

const operator = { ...platformActor, userId: randomUUID() };
const key = createTestKey();

let database: TestDatabase;
let redis: TestService;
let cache: Cache;
let edgeNodes: EdgeNodeService;
let groupId: string;
let authenticate: EdgeAuthenticator;

beforeAll(async () => {
  [database, redis] = await Promise.all([createTestDatabase(), startTestRedis()]);
  const { db, url } = database;
  const clock = () => new Date();
  const log = createLogger({ role: "test", level: "silent" });
  const caching = { databaseUrl: url, redisUrl: redis.url, reads: "cached", registry: new Registry(), log } as const;
  cache = openCache({ db, ...caching });
  await vi.waitFor(() => expect(cache.isLive()).toBe(true), 15_000);
  const authority = createEdgeAuthority({ db, seal: createSeal(Buffer.alloc(32, 1)), clock });
  authenticate = createEdgeAuthenticator({ db, authority, clock, stampOf: cache.watch([EDGES]) });
  const groups = createEdgeGroupService({ db, clock, countUses: async () => 0, forgetSecrets: async () => {} });
  edgeNodes = createEdgeNodeService({ db, authority, clock, feedKeys: async () => ({ key: "pem" }) });
  const settings = edgeGroupSettingsSchema.parse({});
  groupId = (await inTransaction(db, (tx) => groups.ensure(tx, { name: "paris", settings }))).id;
});
afterAll(async () => {
  await cache?.part.stop();
  await database?.stop();
  await redis?.stop();
});
beforeEach(async () => {
  await database.db("outbox").delete();
});

async function enrolled(name: string, changes: Partial<typeof capabilities> = {}) {
  const { token } = await inTransaction(database.db, (tx) => edgeNodes.createEnrolmentToken(tx, groupId));
  const request = { token, name, csr: key.csr, capabilities: { ...capabilities, ...changes } };
  const { edge_id: edgeId, certificate } = await edgeNodes.enrol(request);
  return { edgeId, certificate, key: key.key };
}

async function asks(agent: Awaited<ReturnType<typeof enrolled>>) {
  const token = await edgeToken(agent);
  return authenticate({ header: (name) => (name === "authorization" ? `Bearer ${token}` : undefined) });
}

const jobNames = () => database.db("outbox").orderBy("seq").pluck("job");
const deedsOf = (id: string) =>
  database.db("audit_entry").where({ resource_id: id }).orderBy("created_at").select("action", "changes");

test("a change is told to its agent and its group, and recorded; none is none", async () => {
  const { edgeId } = await enrolled("paris-1");
  await database.db("outbox").delete();
  const changed = await edgeNodes.updateNode(operator, edgeId, { state: "draining", address: "203.0.113.5" });
  expect(changed).toMatchObject({ name: "paris-1", state: "draining", address: "203.0.113.5", version: 2 });
  expect(await jobNames()).toEqual(["edge-node.changed", "edge-group.changed"]);
  expect(await edgeNodes.getNode(edgeId)).toEqual(changed);
  await edgeNodes.updateNode(operator, edgeId, { state: "draining" });
  expect(await jobNames()).toHaveLength(2);
  expect(await deedsOf(edgeId)).toEqual([
    { action: "edge.enrol", changes: [{ pointer: "", after: { name: "paris-1", group_id: groupId } }] },
    {
      action: "edge.update",
      changes: [
        { pointer: "/address", before: null, after: "203.0.113.5" },
        { pointer: "/state", before: "active", after: "draining" },
      ],
    },
  ]);
});

test("a name is one edge's of its group, also when two want it at once", async () => {
  const [one, other] = [await enrolled("twin-1"), await enrolled("twin-2")];
  await expect(edgeNodes.updateNode(operator, one.edgeId, { name: "twin-2" })).rejects.toMatchObject({
    kind: { status: 409 },
    detail: expect.stringContaining("twin-2"),
  });
  const both = await Promise.allSettled(
    [one, other].map(({ edgeId }) => edgeNodes.updateNode(operator, edgeId, { name: "the-only-one" })),
  );
  expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
});

test("a deleted node's certificate is worth nothing from then on, though it was known a moment ago", async () => {
  const agent = await enrolled("deleted");
  expect(await asks(agent)).toMatchObject({ edgeId: agent.edgeId });
  await edgeNodes.removeNode(operator, agent.edgeId);
  await expect(asks(agent)).rejects.toMatchObject({ kind: { status: 401 } });
  expect(await jobNames()).toEqual(expect.arrayContaining(["edge-keys.changed", "edge-node.changed"]));
  expect((await deedsOf(agent.edgeId)).map(({ action }) => action)).toEqual(["edge.enrol", "edge.delete"]);
  await expect(edgeNodes.removeNode(operator, agent.edgeId)).rejects.toMatchObject({ kind: { status: 404 } });
});

test("that an edge is one is looked up once, and again as soon as any edge's certificate has changed", async () => {
  const { edgeId } = await enrolled("waiting");
  const { db } = database;
  let stamp = 1;
  const asserted = createStillEnrolled({ db, clock: () => new Date(), stampOf: () => stamp });
  const queries: string[] = [];
  const note = ({ sql }: { sql: string }) => void queries.push(sql);
  await asserted({ edgeId, scope: groupId });
  db.on("query", note);
  await asserted({ edgeId, scope: groupId });
  expect(queries).toEqual([]);
  db.off("query", note);
  await edgeNodes.removeNode(operator, edgeId);
  stamp += 1;
  await expect(asserted({ edgeId, scope: groupId })).rejects.toMatchObject({ kind: { status: 401 } });
});

test("an agent that enrols again ends the certificate of whoever held its name", async () => {
  const before = await enrolled("again");
  expect(await asks(before)).toMatchObject({ edgeId: before.edgeId });
  const after = await enrolled("again");
  await expect(asks(before)).rejects.toMatchObject({ kind: { status: 401 } });
  expect(await asks(after)).toMatchObject({ edgeId: before.edgeId });
});

test("without the node that could least, the group can more", async () => {
  const old = await enrolled("old", { http3: false });
  const http3 = async () => (await findGroup(database.db, groupId))?.capabilities?.http3;
  expect(await http3()).toBe(false);
  await edgeNodes.removeNode(operator, old.edgeId);
  expect(await http3()).toBe(true);
});

test("who asked for a token is in the audit log, and the token is not", async () => {
  const created = await inTransaction(database.db, (tx) => edgeNodes.createEnrolmentToken(tx, groupId, operator));
  const rows: unknown[] = await database
    .db("audit_entry")
    .where({ action: "edge-group.invite", user_id: operator.userId });
  expect(rows).toMatchObject([{ resource_id: groupId, changes: [{ pointer: "/enrolment_token", after: "(set)" }] }]);
  expect(JSON.stringify(rows)).not.toContain(created.token.slice(0, 20));
});
