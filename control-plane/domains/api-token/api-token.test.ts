import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { inTransaction } from "../../database/transaction.ts";
import { insertMembership } from "../account/store.ts";
import { openTokenWorld, type TestPerson, type TokenWorld } from "./test-world.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const WAIT = { timeout: 10_000 };

let world: TokenWorld;
beforeAll(async () => {
  world = await openTokenWorld();
});
afterAll(() => world.stop());

const page = z.object({ data: z.array(z.object({ id: z.uuid(), username: z.string() })) });

function create(person: TestPerson, body: unknown) {
  return world.ask("POST", "/api-tokens", { ...person, account: person.accountId, body });
}

async function namesOf(person: TestPerson): Promise<readonly string[]> {
  const { body } = await world.ask("GET", "/api-tokens", { ...person, account: person.accountId });
  return page.parse(body).data.map(({ username }) => username);
}

test("a token is shown once, kept as a hash, and neither lists nor the log hold it", async () => {
  const ada = await world.person("ada");
  const created = await create(ada, { name: " CI ", scopes: ["reports:read", "account:read", "reports:read"] });
  expect([created.status, created.body]).toMatchObject([
    201,
    { name: "CI", scopes: ["account:read", "reports:read"], username: "ada", expires_at: null, last_used_at: null },
  ]);
  const { id, token } = z.object({ id: z.uuid(), token: z.string() }).parse(created.body);
  expect(created.headers.get("location")).toBe(`/api/v1/api-tokens/${id}`);
  expect(created.headers.get("cache-control")).toBe("no-store");
  const rows = await world.db("api_token").where({ id });
  expect(rows).toMatchObject([{ token_hash: createHash("sha256").update(token).digest("hex") }]);
  const log = await world.db("audit_entry").where({ resource_id: id });
  expect(log).toMatchObject([
    {
      ...{ action: "api_token.create", account_id: ada.accountId, user_id: ada.userId },
      changes: [
        { pointer: "/name", after: "CI" },
        { pointer: "/scopes", after: ["account:read", "reports:read"] },
      ],
    },
  ]);
  const one = await world.ask("GET", `/api-tokens/${id}`, ada);
  const list = await world.ask("GET", "/api-tokens", ada);
  expect([one.status, list.body]).toMatchObject([200, { data: [one.body] }]);
  for (const shown of [rows, log, one.body, list.body]) expect(JSON.stringify(shown)).not.toContain(token);
  expect(JSON.stringify([log, one.body, list.body])).not.toContain(rows[0].token_hash);
});

test("a program acts with the token for its member, in its account", async () => {
  const grace = await world.person("grace");
  const { id, token } = await world.makeToken(grace);
  const seen = await world.ask("GET", "/probes/edit", { bearer: token });
  expect([seen.status, seen.body]).toMatchObject([
    200,
    {
      ...{ userId: grace.userId, accountId: grace.accountId, accountRole: "owner", platformRole: "user" },
      ...{ scopes: ["distributions:read", "distributions:write"], apiTokenId: id, clientAddress: "127.0.0.1" },
    },
  ]);
  expect((await world.ask("GET", "/probes/edit", { bearer: token, account: grace.accountId })).status).toBe(200);
});

test("a token does no more than its scopes, no more than the member's role, and never what takes a person", async () => {
  const owner = await world.person("scoped");
  const viewer = await world.person("scoped-viewer", { accountId: owner.accountId, role: "viewer" });
  const all = ["distributions:read", "distributions:write"];
  const reading = await world.makeToken(owner, { scopes: ["distributions:read"] });
  const writing = await world.makeToken(owner, { scopes: all });
  const viewing = await world.makeToken(viewer, { scopes: all });
  expect(await world.reach(reading.token)).toEqual({ mine: 403, view: 200, edit: 403, operate: 403 });
  expect(await world.reach(writing.token)).toEqual({ mine: 403, view: 200, edit: 200, operate: 403 });
  expect(await world.reach(viewing.token)).toEqual({ mine: 403, view: 200, edit: 403, operate: 403 });
  const asPerson = await world.ask("GET", "/probes/mine", { bearer: reading.token });
  expect(asPerson.body).toMatchObject({ detail: expect.stringContaining("An API token does not do") });
});

test("the role counts that the member has now", async () => {
  const owner = await world.person("present");
  const editor = await world.person("present-editor", { accountId: owner.accountId, role: "editor" });
  const { token } = await world.makeToken(editor);
  expect(await world.reach(token)).toMatchObject({ edit: 200 });
  await world
    .db("membership")
    .where({ user_id: editor.userId, account_id: owner.accountId })
    .update({ role: "viewer" });
  expect(await world.reach(token)).toMatchObject({ view: 200, edit: 403 });
});

test("a token for one account is none for another of the same person", async () => {
  const person = await world.person("twofold");
  const other = await world.person("twofold-other");
  await inTransaction(world.db, (tx) =>
    insertMembership(tx, {
      ...{ accountId: other.accountId, userId: person.userId, role: "owner", createdAt: new Date() },
    }),
  );
  const { token } = await world.makeToken(person);
  for (const account of [other.accountId, "not-an-id"]) {
    const reply = await world.ask("GET", "/probes/view", { bearer: token, account });
    expect([reply.status, reply.body]).toMatchObject([
      403,
      { detail: "The API token is for another account than X-Account-Id names." },
    ]);
  }
});

test("a revoked token is refused from the next request on", async () => {
  const owner = await world.person("revoking");
  const { id, token } = await world.makeToken(owner);
  expect(await world.reach(token)).toMatchObject({ view: 200 });
  expect((await world.ask("DELETE", `/api-tokens/${id}`, owner)).status).toBe(204);
  expect(await world.reach(token)).toEqual({ mine: 401, view: 401, edit: 401, operate: 401 });
  expect((await world.ask("DELETE", `/api-tokens/${id}`, owner)).status).toBe(404);
  expect((await world.ask("GET", `/api-tokens/${id}`, owner)).status).toBe(404);
  expect(await namesOf(owner)).toEqual([]);
  expect(await world.db("audit_entry").where({ action: "api_token.revoke", resource_id: id })).toHaveLength(1);
});

test("an expired token is refused; a time that is past or nonsense is a fault", async () => {
  const owner = await world.person("expiring");
  const { token } = await world.makeToken(owner, { expires_at: "2026-03-02T13:00:00+01:00" });
  expect(await world.reach(token)).toMatchObject({ view: 200 });
  world.passTime(DAY_MS);
  expect(await world.reach(token)).toMatchObject({ view: 401 });
  for (const expires_at of ["2026-03-02T12:00:00Z", "0000-01-01T00:00:00Z", "tomorrow", 5]) {
    const reply = await create(
      { ...owner, bearer: await relogin("expiring") },
      { name: "x", scopes: ["reports:read"], expires_at },
    );
    expect([reply.status, reply.body]).toMatchObject([422, { errors: [{ pointer: "/expires_at" }] }]);
  }
});

async function relogin(login: string): Promise<string> {
  return (await world.auth.logIn({ login, password: "correct-horse-1" })).token;
}

test("a token dies with the membership, and does not revive when the person comes back", async () => {
  const owner = await world.person("leaving");
  const editor = await world.person("leaving-editor", { accountId: owner.accountId, role: "editor" });
  const { token } = await world.makeToken(editor);
  await world.db("membership").where({ user_id: editor.userId, account_id: owner.accountId }).delete();
  expect(await world.reach(token)).toMatchObject({ view: 401 });
  const again = { accountId: owner.accountId, userId: editor.userId, role: "editor", createdAt: new Date() } as const;
  await inTransaction(world.db, (tx) => insertMembership(tx, again));
  expect(await world.reach(token)).toMatchObject({ view: 401 });
  expect(await namesOf(editor)).toEqual([]);
});

test("a suspended person's tokens rest, and a token is nobody's whose user has none", async () => {
  const owner = await world.person("resting");
  const { token } = await world.makeToken(owner);
  const suspend = (at: Date | null) =>
    world
      .db("user")
      .where({ id: owner.userId })
      .update({ suspended_at: at, suspension_reason: at && "unpaid" });
  await suspend(new Date());
  const refused = await world.ask("GET", "/probes/view", { bearer: token });
  expect([refused.status, refused.body]).toMatchObject([403, { detail: expect.stringContaining("unpaid") }]);
  await suspend(null);
  expect(await world.reach(token)).toMatchObject({ view: 200 });
});

test("a token makes and ends no other token, but may end itself", async () => {
  const owner = await world.person("breeding");
  const parent = await world.makeToken(owner, { scopes: ["account:read", "account:write"] });
  const body = { name: "child", scopes: ["account:read"] };
  const refused = await world.ask("POST", "/api-tokens", { bearer: parent.token, body });
  expect([refused.status, refused.body]).toMatchObject([
    403,
    { detail: expect.stringContaining("An API token does not do") },
  ]);
  const other = await world.makeToken(owner, { scopes: ["account:read"] });
  const spared = await world.ask("DELETE", `/api-tokens/${other.id}`, { bearer: parent.token });
  expect([spared.status, spared.body]).toMatchObject([
    403,
    { detail: expect.stringContaining("no other than itself") },
  ]);
  expect((await world.ask("DELETE", `/api-tokens/${parent.id}`, { bearer: parent.token })).status).toBe(204);
  expect((await world.ask("GET", `/api-tokens/${other.id}`, { bearer: other.token })).status).toBe(200);
  expect(await world.reach(parent.token)).toMatchObject({ view: 401 });
});

test("a token hands out and takes no power, whatever its scopes: that takes a person", async () => {
  const owner = await world.person("powerful");
  const friend = await world.person("powerful-friend", { accountId: owner.accountId, role: "viewer" });
  await world.db("user").where({ id: owner.userId }).update({ platform_role: "admin" });
  const scopes = ["account:read", "account:write", "platform:read", "platform:write"];
  const { token } = await world.makeToken(owner, { scopes });
  const invitation = { email: "accomplice@example.com", role: "owner" };
  const invited = await world.ask("POST", "/account/invitations", {
    ...owner,
    account: owner.accountId,
    body: invitation,
  });
  const { id } = z.object({ id: z.uuid() }).parse(invited.body);
  const deeds: [method: string, path: string, body?: object][] = [
    ["POST", "/account/invitations", { ...invitation, email: "another@example.com" }],
    ["POST", `/account/invitations/${id}/resend`],
    ["PATCH", `/account/members/${friend.userId}`, { role: "owner" }],
    ["POST", "/account/transfer", { user_id: friend.userId }],
    ["DELETE", "/account"],
    ["PATCH", `/users/${friend.userId}`, { platform_role: "admin" }],
    ["DELETE", `/account/members/${friend.userId}`],
    ["DELETE", `/account/members/${owner.userId}`],
    ["POST", `/users/${friend.userId}/suspend`, { reason: "unpaid" }],
    ["POST", `/users/${friend.userId}/unsuspend`],
  ];
  for (const [method, path, body] of deeds) {
    const refused = await world.ask(method, path, { bearer: token, body });
    const detail = expect.stringContaining("An API token does not do");
    expect([method, path, refused.status, refused.body]).toMatchObject([method, path, 403, { detail }]);
  }
  for (const path of ["/account/members", "/account/invitations", `/users/${friend.userId}`]) {
    expect((await world.ask("GET", path, { bearer: token })).status, path).toBe(200);
  }
  const promoted = await world.ask("PATCH", `/account/members/${friend.userId}`, {
    ...{ ...owner, account: owner.accountId, body: { role: "editor" } },
  });
  expect(promoted.status).toBe(200);
});

test("members see and end their own tokens, admins those of everybody, strangers none", async () => {
  const owner = await world.person("house");
  const [admin, viewer] = [
    await world.person("house-admin", { accountId: owner.accountId, role: "admin" }),
    await world.person("house-viewer", { accountId: owner.accountId, role: "viewer" }),
  ];
  const owners = await world.makeToken(owner);
  await world.makeToken(viewer);
  expect(await namesOf(viewer)).toEqual(["house-viewer"]);
  expect([...(await namesOf(admin))].sort()).toEqual(["house", "house-viewer"]);
  const stranger = await world.person("house-stranger");
  for (const as of [viewer, stranger]) {
    for (const method of ["GET", "DELETE"]) {
      const asked = { ...as, account: as.accountId };
      expect((await world.ask(method, `/api-tokens/${owners.id}`, asked)).status).toBe(404);
    }
  }
  expect((await world.ask("DELETE", `/api-tokens/${owners.id}`, { ...admin, account: owner.accountId })).status).toBe(
    204,
  );
  expect(await namesOf(owner)).toEqual(["house-viewer"]);
});

test("only operators make tokens with scopes of the platform, which are worth nothing once they are none", async () => {
  const operator = await world.person("operator");
  const asked = { name: "ops", scopes: ["account:read", "platform:write"] };
  const refused = await create(operator, asked);
  expect([refused.status, refused.body]).toMatchObject([422, { errors: [{ pointer: "/scopes/1" }] }]);
  const setRole = (platform_role: string) => world.db("user").where({ id: operator.userId }).update({ platform_role });
  await setRole("admin");
  const { token } = await world.makeToken(operator, asked);
  const narrow = await world.makeToken(operator, { scopes: ["platform:read"] });
  expect(await world.reach(token)).toMatchObject({ operate: 200 });
  expect(await world.reach(narrow.token)).toMatchObject({ operate: 403 });
  await setRole("user");
  expect(await world.reach(token)).toMatchObject({ operate: 403 });
});

test("one member has so many tokens, also when they ask for several at once; expired and revoked ones do not count", async () => {
  const greedy = await world.person("greedy");
  const tokens = await Promise.all(Array.from({ length: 49 }, () => world.makeToken(greedy)));
  const replies = await Promise.all([1, 2, 3].map(() => create(greedy, { name: "more", scopes: ["reports:read"] })));
  expect(replies.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  await world.ask("DELETE", `/api-tokens/${tokens[0]?.id}`, greedy);
  expect((await create(greedy, { name: "more", scopes: ["reports:read"] })).status).toBe(201);
});

test.each([
  [{ scopes: ["reports:read"] }, "/name"],
  [{ name: "", scopes: ["reports:read"] }, "/name"],
  [{ name: "a\u0000", scopes: ["reports:read"] }, "/name"],
  [{ name: "x", scopes: [] }, "/scopes"],
  [{ name: "x", scopes: ["everything"] }, "/scopes/0"],
  [{ name: "x" }, "/scopes"],
  [{ name: "x", scopes: ["reports:read"], token: "ewt_mine" }, "/token"],
])("the input %j is refused for %s", async (body, pointer) => {
  const { userId, accountId } = await faulty();
  const reply = await create({ userId, accountId, bearer: await relogin("faulty") }, body);
  expect([reply.status, reply.body]).toMatchObject([422, { errors: [{ pointer }] }]);
});

let faultyPerson: Promise<TestPerson> | undefined;
function faulty(): Promise<TestPerson> {
  faultyPerson ??= world.person("faulty");
  return faultyPerson;
}

test("the last use is written beside the request, at most once a minute", async () => {
  const owner = await world.person("used");
  const { id, token } = await world.makeToken(owner);
  const lastUse = async (): Promise<string> => {
    const row = await world.db("api_token").where({ id }).first();
    return row.last_used_at?.toISOString() ?? "never";
  };
  expect(await lastUse()).toBe("never");
  await world.reach(token);
  await vi.waitFor(async () => expect(await lastUse()).not.toBe("never"), WAIT);
  const first = await lastUse();
  world.passTime(MINUTE_MS - 1);
  await world.reach(token);
  await world.lastUse.part.stop();
  expect(await lastUse()).toBe(first);
  world.passTime(1);
  await world.reach(token);
  // Whoever stops writes what was noted.
  await world.lastUse.part.stop();
  expect(new Date(await lastUse()).getTime() - new Date(first).getTime()).toBe(MINUTE_MS);
});

test("which token is shown is known without the database once it was good", async () => {
  const owner = await world.person("known");
  const { id, token } = await world.makeToken(owner);
  const credentials = {
    ...{ requestId: "r", clientAddress: "192.0.2.1", signal: AbortSignal.timeout(10_000) },
    header: (name: string) => (name === "authorization" ? `Bearer ${token}` : undefined),
  };
  expect(await world.authenticate.tokenIdOf?.(credentials)).toBeUndefined();
  await world.reach(token);
  expect(await world.authenticate.tokenIdOf?.(credentials)).toBe(id);
});

test("a platform may say how long a token lives at most", async () => {
  const strict = await openTokenWorld({ daysMax: 30 });
  try {
    const owner = await strict.person("strict");
    const ask = (expires_at: string | undefined) =>
      strict.ask("POST", "/api-tokens", { ...owner, body: { name: "x", scopes: ["reports:read"], expires_at } });
    expect((await ask("2026-03-31T12:00:00Z")).status).toBe(201);
    for (const end of [undefined, "2026-03-31T12:00:01Z"]) {
      const refused = await ask(end);
      expect([refused.status, refused.body]).toMatchObject([
        422,
        { errors: [{ pointer: "/expires_at", detail: expect.stringContaining("at most 30 days from now") }] },
      ]);
    }
  } finally {
    await strict.stop();
  }
});
