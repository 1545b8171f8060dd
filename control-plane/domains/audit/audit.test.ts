import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { createLogger } from "../../../platform/log.ts";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import { inTransaction } from "../../database/transaction.ts";
import { type AccountRole, type Actor, noRequest, type PlatformRole } from "../../http/caller.ts";
import { startApiServer } from "../../http/server.ts";
import { auditRoutes, type Deed, recordAudit } from "./index.ts";

const userId = randomUUID();
const apiTokenId = randomUUID();

let database: TestDatabase;
let api: Awaited<ReturnType<typeof startApiServer>>;
let accountId: string;
let asking: { accountRole: AccountRole; platformRole: PlatformRole };

beforeAll(async () => {
  database = await createTestDatabase();
  await database
    .db("user")
    .insert({ id: userId, username: "grace", email: "g@example.com", password_hash: "-", platform_role: "user" });
  api = await startApiServer({
    routes: auditRoutes({ db: database.db }),
    authenticate: {
      account: async () => ({ ...noRequest, userId, accountId, ...asking, scopes: "all" }),
      user: () => Promise.reject(new Error("nobody asks for themselves here")),
      edge: () => Promise.reject(new Error("no edge asks here")),
    },
    readiness: [],
    log: createLogger({ role: "test", level: "silent" }),
    host: "127.0.0.1",
    port: 0,
  });
});

beforeEach(async () => {
  accountId = randomUUID();
  asking = { accountRole: "admin", platformRole: "user" };
});

afterAll(async () => {
  await api.part.stop();
  await database.stop();
});

const entry = z.object({ id: z.uuid(), action: z.string(), resource_id: z.string() });
const page = z.object({ data: z.array(entry), next_cursor: z.string().nullable() });
const actor: Actor = { userId, ...noRequest };

function record(deed: Partial<Deed> = {}, by: Actor = actor): Promise<void> {
  const plain = { action: "thing.update", accountId, resourceType: "thing", resourceId: "1", changes: [] };
  return inTransaction(database.db, (tx) => recordAudit(tx, by, { ...plain, ...deed }));
}

async function ask(path: string): Promise<{ status: number; body: unknown }> {
  const reply = await fetch(`${api.url}/api/v1${path}`, { signal: AbortSignal.timeout(10_000) });
  return { status: reply.status, body: await reply.json() };
}

async function idsOf(path: string): Promise<readonly string[]> {
  const { status, body } = await ask(path);
  expect([status, body]).toMatchObject([200, {}]);
  return page.parse(body).data.map((each) => each.resource_id);
}

test("an entry says who, by which token, from where, when, what, and from what to what", async () => {
  await database.db("account").insert({ id: accountId, name: "x" });
  await database.db("api_token").insert({
    ...{ id: apiTokenId, account_id: accountId, user_id: userId, membership_id: randomUUID(), name: "CI" },
    ...{ scopes: ["account:read"], token_hash: "-", created_at: new Date(), revoked_at: new Date() },
  });
  const changes = [
    { pointer: "/label", before: "Shop" },
    { pointer: "/list", after: [1, { a: null }] },
  ];
  await record({ changes }, { userId, apiTokenId, requestId: "request-1", clientAddress: "192.0.2.1" });
  const { body } = await ask("/audit");
  expect(body).toEqual({
    data: [
      {
        ...{ id: expect.any(String), created_at: expect.stringMatching(/^\d{4}-.*Z$/), action: "thing.update" },
        ...{ account_id: accountId, resource_type: "thing", resource_id: "1", user_id: userId, username: "grace" },
        ...{ api_token_id: apiTokenId, api_token_name: "CI", request_id: "request-1", client_address: "192.0.2.1" },
        changes,
      },
    ],
    next_cursor: null,
  });
});

test("entries page by cursor, newest first, and never show another account's", async () => {
  const mine = accountId;
  for (const resourceId of ["a", "b", "c"]) await record({ resourceId });
  await record({ resourceId: "foreign", accountId: randomUUID() });
  await record({ resourceId: "platform's", accountId: null });
  const first = page.parse((await ask("/audit?limit=2")).body);
  expect(first.data.map((each) => each.resource_id)).toEqual(["c", "b"]);
  await record({ resourceId: "d" });
  expect(await idsOf(`/audit?limit=2&cursor=${first.next_cursor}`)).toEqual(["a"]);
  accountId = randomUUID();
  expect(await idsOf("/audit")).toEqual([]);
  expect((await ask(`/audit?account_id=${mine}`)).status).toBe(422);
});

test("each filter narrows what is told", async () => {
  const [otherUser, otherToken] = [randomUUID(), randomUUID()];
  await record({ action: "distribution.create", resourceType: "distribution", resourceId: "a" });
  await record({ action: "distribution.update", resourceType: "distribution", resourceId: "b" });
  await record({ action: "distribution_x.update", resourceId: "c" }, { ...actor, userId: otherUser });
  await record({ action: "member.update", resourceId: "b" }, { ...actor, apiTokenId: otherToken });
  expect(await idsOf("/audit?action=distribution.update")).toEqual(["b"]);
  expect(await idsOf("/audit?action=distribution.")).toEqual(["b", "a"]);
  expect(await idsOf("/audit?action=distribution")).toEqual(["c", "b", "a"]);
  // An underscore is itself, and no wildcard.
  expect(await idsOf("/audit?action=distribution_")).toEqual(["c"]);
  expect(await idsOf("/audit?resource_type=distribution")).toEqual(["b", "a"]);
  expect(await idsOf("/audit?resource_type=thing&resource_id=b")).toEqual(["b"]);
  expect(await idsOf(`/audit?user_id=${otherUser}`)).toEqual(["c"]);
  expect(await idsOf(`/audit?api_token_id=${otherToken}`)).toEqual(["b"]);
});

test("a span of time holds its beginning and not its end", async () => {
  const times = ["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", "2020-01-03T00:00:00Z"];
  const rows = times.map((created_at, index) => ({
    ...{ id: randomUUID(), created_at, account_id: accountId, action: "thing.update" },
    ...{ resource_type: "thing", resource_id: String(index), changes: "[]" },
  }));
  await database.db("audit_entry").insert(rows);
  expect(await idsOf("/audit?from=2020-01-02T00:00:00Z")).toEqual(["2", "1"]);
  expect(await idsOf("/audit?from=2020-01-01T00:00:00Z&to=2020-01-03T00:00:00Z")).toEqual(["1", "0"]);
  expect(await idsOf("/audit?to=2020-01-02T01:00:00%2B01:00")).toEqual(["0"]);
  expect(await idsOf("/audit?from=0000-01-01T00:00:00Z&to=2020-01-01T23:59:00%2B23:59")).toEqual([]);
  expect(await idsOf("/audit?from=0000-01-01T00:00:00%2B23:59&to=9999-12-31T23:59:59-23:59")).toHaveLength(3);
  const nonsense = await ask("/audit?from=2020-01-03T00:00:00Z&to=2020-01-03T00:00:00Z");
  expect([nonsense.status, nonsense.body]).toMatchObject([422, { errors: [{ pointer: "?to" }] }]);
});

test.each(["action=a%25", "action=", "user_id=1", "from=yesterday", "resource_id=%00", "resource_type=A", "who=x"])(
  "the filter %j is refused",
  async (filter) => {
    expect((await ask(`/audit?${filter}`)).status).toBe(422);
  },
);

test("only admins of an account read its log, only operators the platform's", async () => {
  for (const accountRole of ["viewer", "editor"] as const) {
    asking = { accountRole, platformRole: "user" };
    expect((await ask("/audit")).status).toBe(403);
  }
  asking = { accountRole: "owner", platformRole: "moderator" };
  expect((await ask("/platform/audit")).status).toBe(403);
});

test("operators see the deeds of all accounts and of none, and can ask for one account", async () => {
  asking = { accountRole: "viewer", platformRole: "admin" };
  const mark = randomUUID();
  await record({ resourceId: mark });
  await record({ resourceId: mark, accountId: null }, { userId: null, ...noRequest });
  const { body } = await ask(`/platform/audit?resource_id=${mark}`);
  expect(body).toMatchObject({
    data: [
      { account_id: null, user_id: null, username: null },
      { account_id: accountId, username: "grace" },
    ],
  });
  expect(await idsOf(`/platform/audit?account_id=${accountId}`)).toEqual([mark]);
});

test("what is recorded is neither changed nor removed, whoever tries", async () => {
  await record();
  const { db } = database;
  const before = await db("audit_entry").count();
  for (const attempt of [
    db("audit_entry").update({ action: "nothing.happened" }),
    db("audit_entry").where({ account_id: accountId }).delete(),
    db("audit_entry").where({ id: randomUUID() }).delete(),
    db.raw("truncate audit_entry"),
    db.raw("truncate audit_entry cascade"),
    db.raw("insert into audit_entry select * from audit_entry on conflict (id) do update set action = 'nothing'"),
  ]) {
    await expect(attempt).rejects.toThrow("rows of audit_entry are only ever added");
  }
  expect(await db("audit_entry").count()).toEqual(before);
});

test("an entry stands or falls with its transaction", async () => {
  await expect(
    inTransaction(database.db, async (tx) => {
      const deed = { action: "thing.create", accountId, resourceType: "thing", resourceId: "1", changes: [] };
      await recordAudit(tx, actor, deed);
      throw new Error("the change failed");
    }),
  ).rejects.toThrow("the change failed");
  expect(await idsOf("/audit")).toEqual([]);
});

test("no secret reaches the table, whatever its caller hands over", async () => {
  const changes = [{ pointer: "/s3_secret_key", before: "hunter2", after: "hunter3" }];
  await record({ changes });
  const rows = await database.db("audit_entry").where({ account_id: accountId });
  expect(rows).toMatchObject([{ changes: [{ pointer: "/s3_secret_key", before: "(set)", after: "(set)" }] }]);
});
