import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { inTransaction } from "../../database/transaction.ts";
import { assertAccountLives } from "./index.ts";
import { type AccountWorld, openAccountWorld, type Person } from "./test-world.ts";

const LOCK_WAIT = { timeout: 10_000 };

let world: AccountWorld;
beforeAll(async () => {
  world = await openAccountWorld();
});
afterAll(() => world.stop());

const account = z.object({ id: z.uuid(), name: z.string(), role: z.string().optional() });
const page = z.object({ data: z.array(account), next_cursor: z.string().nullable() });

async function createDistribution({ accountId }: Person, domain: string): Promise<string> {
  const id = randomUUID();
  await world.db("distribution").insert({
    ...{ id, account_id: accountId, domain, domain_type: "custom", label: domain, cname: `${id}.cdn.test` },
    ...{ cdn_type: "gotipath", acceleration_type: "static", origin_type: "custom", host_header: "", sni: "" },
    ...{ is_http2: true, is_http3: true, enable_ssl: true, is_livestream: false, is_redirect_http_to_https: false },
    status: "active",
  });
  return id;
}

test("a person makes another account, owns it and finds it among theirs", async () => {
  const ada = await world.person("ada");
  const made = await world.ask("POST", "/accounts", { as: ada, body: { name: "  Ada & Söhne " } });
  expect([made.status, made.body]).toMatchObject([201, { name: "Ada & Söhne", role: "owner" }]);
  const { id } = account.parse(made.body);
  const first = page.parse((await world.ask("GET", "/accounts?limit=1", { as: ada })).body);
  const second = page.parse((await world.ask("GET", `/accounts?cursor=${first.next_cursor}`, { as: ada })).body);
  expect([...first.data, ...second.data].map((each) => each.id).sort()).toEqual([ada.accountId, id].sort());
  expect(second.next_cursor).toBeNull();
  expect(await world.db("audit_entry").where({ account_id: id })).toMatchObject([
    {
      ...{ action: "account.create", user_id: ada.userId, resource_id: id, client_address: "127.0.0.1" },
      changes: [{ pointer: `/members/${ada.userId}`, after: "owner" }, { pointer: "/name" }],
    },
  ]);
});

test("one person owns so many accounts, also when they ask for several at once", async () => {
  const greedy = await world.person("greedy");
  const asked = Array.from({ length: 22 }, () =>
    world.ask("POST", "/accounts", { as: greedy, body: { name: "more" } }),
  );
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 201)).toHaveLength(19);
  expect(statuses.filter((status) => status === 409)).toHaveLength(3);
});

test("an admin renames the account that they name; the log tells from what to what", async () => {
  const owner = await world.person("renaming");
  const admin = await world.member(owner.accountId, "renamer", "admin");
  const asked = { as: admin, account: owner.accountId };
  expect((await world.ask("GET", "/account", asked)).body).toMatchObject({ name: "renaming" });
  const renamed = await world.ask("PATCH", "/account", { ...asked, body: { name: "Renamed" } });
  expect([renamed.status, renamed.body]).toMatchObject([200, { id: owner.accountId, name: "Renamed" }]);
  await world.ask("PATCH", "/account", { ...asked, body: { name: "Renamed" } });
  await world.ask("PATCH", "/account", { ...asked, body: {} });
  expect(await world.deeds(owner.accountId)).toMatchObject([
    { action: "account.update", changes: [{ pointer: "/name", before: "renaming", after: "Renamed" }] },
  ]);
});

test("a change that was read from another state is a 412, and nothing changes", async () => {
  const owner = await world.person("careful");
  const read = await world.ask("GET", "/account", { as: owner });
  const etag = read.headers.get("etag") ?? "";
  const rename = (name: string, ifMatch: string) =>
    world.ask("PATCH", "/account", { as: owner, body: { name }, headers: { "if-match": ifMatch } });
  expect((await rename("first", etag)).status).toBe(200);
  expect((await rename("second", etag)).status).toBe(412);
  expect((await world.ask("DELETE", "/account", { as: owner, headers: { "if-match": etag } })).status).toBe(412);
  expect((await world.ask("GET", "/account", { as: owner })).body).toMatchObject({ name: "first" });
});

test.each([{ name: "" }, { name: "a\u0000b" }, { name: "x".repeat(101) }, { name: null }, { title: "x" }])(
  "the patch %j is refused",
  async (body) => {
    const owner = await world.person(`faulty-${randomUUID().slice(0, 8)}`);
    expect((await world.ask("PATCH", "/account", { as: owner, body })).status).toBe(422);
    expect(await world.deeds(owner.accountId)).toEqual([]);
  },
);

test("viewers and editors neither rename, hand over nor delete an account; admins neither hand over nor delete", async () => {
  const owner = await world.person("guarded");
  for (const role of ["viewer", "editor", "admin"] as const) {
    const as = await world.member(owner.accountId, `guarded-${role}`, role);
    const asked = { as, account: owner.accountId };
    if (role !== "admin") {
      expect((await world.ask("PATCH", "/account", { ...asked, body: { name: "mine" } })).status).toBe(403);
    }
    const body = { user_id: as.userId };
    expect((await world.ask("POST", "/account/transfer", { ...asked, body })).status).toBe(403);
    expect((await world.ask("DELETE", "/account", asked)).status).toBe(403);
  }
  expect(await world.deeds(owner.accountId)).toEqual([]);
});

test("an owner hands the account over to a member and stays as an admin", async () => {
  const owner = await world.person("giver");
  const taker = await world.member(owner.accountId, "taker", "viewer");
  const handOver = (userId: string) => world.ask("POST", "/account/transfer", { as: owner, body: { user_id: userId } });
  expect((await handOver(taker.userId)).status).toBe(204);
  const roles = await world.db("membership").where({ account_id: owner.accountId }).select("user_id", "role");
  expect(Object.fromEntries(roles.map(({ user_id, role }) => [user_id, role]))).toEqual({
    [owner.userId]: "admin",
    [taker.userId]: "owner",
  });
  expect((await handOver(taker.userId)).status).toBe(403);
  expect(await world.deeds(owner.accountId)).toMatchObject([
    {
      action: "account.transfer",
      changes: [
        { pointer: `/members/${owner.userId}`, before: "owner", after: "admin" },
        { pointer: `/members/${taker.userId}`, before: "viewer", after: "owner" },
      ],
    },
  ]);
});

test("an account is handed over to a member, not to a stranger or oneself", async () => {
  const owner = await world.person("holder");
  const stranger = await world.person("stranger");
  for (const userId of [stranger.userId, owner.userId, randomUUID()]) {
    const reply = await world.ask("POST", "/account/transfer", { as: owner, body: { user_id: userId } });
    expect([reply.status, reply.body]).toMatchObject([422, { errors: [{ pointer: "/user_id" }] }]);
  }
});

test("an account with live distributions is not deleted, and the answer says which they are", async () => {
  const owner = await world.person("busy");
  const id = await createDistribution(owner, "busy.example.com");
  const refused = await world.ask("DELETE", "/account", { as: owner });
  expect([refused.status, refused.body]).toMatchObject([
    409,
    { errors: [{ pointer: `/distributions/${id}`, detail: "serves busy.example.com." }] },
  ]);
  await world.db("distribution").where({ id }).update({ deleted_at: new Date() });
  expect((await world.ask("DELETE", "/account", { as: owner })).status).toBe(204);
});

test("nobody belongs to a deleted account, and no invitation leads into it", async () => {
  const owner = await world.person("ending");
  const admin = await world.member(owner.accountId, "ending-admin", "admin");
  const body = { email: "late@example.com", role: "viewer" };
  await world.ask("POST", "/account/invitations", { as: owner, body });
  const token = world.mailedToken();
  expect((await world.ask("DELETE", "/account", { as: owner })).status).toBe(204);
  for (const as of [owner, admin]) {
    expect((await world.ask("GET", "/account", { as, account: owner.accountId })).status).toBe(403);
  }
  const late = await world.person("late");
  expect((await world.ask("POST", "/invitations/accept", { as: late, body: { token } })).status).toBe(404);
  expect((await world.deeds(owner.accountId)).at(-1)).toMatchObject({
    action: "account.delete",
    changes: [{ pointer: "/name", before: "ending" }],
  });
});

test("what is about to be added to an account keeps it from being deleted, and finds no account afterwards", async () => {
  const owner = await world.person("racing");
  const { deletion } = await inTransaction(world.db, async (tx) => {
    await assertAccountLives(tx, owner.accountId);
    const deletion = world.ask("DELETE", "/account", { as: owner });
    await waitingForLock();
    // Not awaited in here: it waits for this transaction.
    return { deletion };
  });
  expect((await deletion).status).toBe(204);
  const late = inTransaction(world.db, (tx) => assertAccountLives(tx, owner.accountId));
  await expect(late).rejects.toMatchObject({ kind: { status: 403 } });
});

/** Until somebody waits for a lock that another transaction holds. */
async function waitingForLock(): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await world.db.raw(
      "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    expect(rows).toHaveLength(1);
  }, LOCK_WAIT);
}
