import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { openTokenWorld, type TestPerson, type TokenWorld } from "../../api-token/test-world.ts";

let world: TokenWorld;
let operator: TestPerson;
beforeAll(async () => {
  world = await openTokenWorld();
  operator = await administrator("operator");
});
afterAll(() => world.stop());

const page = z.object({
  data: z.array(z.object({ username: z.string() })),
  next_cursor: z.string().nullable(),
});

async function administrator(username: string): Promise<TestPerson> {
  const person = await world.person(username);
  await world.db("user").where({ id: person.userId }).update({ platform_role: "admin" });
  return person;
}

function setRole(as: TestPerson, userId: string, platform_role: string) {
  return world.ask("PATCH", `/users/${userId}`, { ...as, body: { platform_role } });
}

function suspend(as: TestPerson, userId: string, body: object = {}) {
  return world.ask("POST", `/users/${userId}/suspend`, { ...as, body });
}

async function namesOf(query: string): Promise<readonly string[]> {
  const { body } = await world.ask("GET", `/users${query}`, operator);
  return page.parse(body).data.map(({ username }) => username);
}

async function deedsOf(userId: string): Promise<readonly string[]> {
  const rows = await world.db("audit_entry").where({ resource_id: userId }).orderBy("created_at");
  return rows.map(({ action }) => action);
}

test("people are found by the beginning of their name or address, by role and by whether they may act", async () => {
  const person = await world.person("Findable_1");
  await world.person("findableX1");
  expect([...(await namesOf("?search=findable"))].sort()).toEqual(["Findable_1", "findableX1"]);
  expect(await namesOf("?search=findable_")).toEqual(["Findable_1"]);
  expect(await namesOf("?search=FINDABLE_1@example")).toEqual(["Findable_1"]);
  expect(await namesOf("?search=%25")).toEqual([]);
  await setRole(operator, person.userId, "moderator");
  expect(await namesOf("?platform_role=moderator")).toEqual(["Findable_1"]);
  await suspend(operator, person.userId);
  expect(await namesOf("?status=suspended")).toEqual(["Findable_1"]);
  expect(await namesOf("?status=active&search=findable")).toEqual(["findableX1"]);
});

test("people page by cursor, newest first", async () => {
  for (const name of ["paged-1", "paged-2", "paged-3"]) {
    world.passTime(1);
    await world.person(name);
  }
  const first = page.parse((await world.ask("GET", "/users?search=paged&limit=2", operator)).body);
  expect(first.data.map(({ username }) => username)).toEqual(["paged-3", "paged-2"]);
  expect(await namesOf(`?search=paged&limit=2&cursor=${first.next_cursor}`)).toEqual(["paged-1"]);
});

test("one user is shown with where they belong, and without their password", async () => {
  const person = await world.person("shown");
  const { status, body } = await world.ask("GET", `/users/${person.userId}`, operator);
  expect([status, body]).toMatchObject([
    200,
    {
      ...{ id: person.userId, username: "shown", email: "shown@example.com", platform_role: "user" },
      ...{ suspended_at: null, accounts: [{ id: person.accountId, name: "shown", role: "owner" }] },
    },
  ]);
  expect(JSON.stringify(body)).not.toContain("$2b$");
  for (const [method, path, asked] of [
    ["GET", "", undefined],
    ["PATCH", "", { platform_role: "user" }],
    ["POST", "/suspend", {}],
    ["POST", "/unsuspend", undefined],
  ] as const) {
    const reply = await world.ask(method, `/users/${randomUUID()}${path}`, { ...operator, body: asked });
    expect(reply.status).toBe(404);
  }
});

test("nobody but operators sees or changes people", async () => {
  const person = await world.person("curious");
  await world.db("user").where({ id: person.userId }).update({ platform_role: "moderator" });
  expect((await world.ask("GET", "/users", person)).status).toBe(403);
  expect((await world.ask("GET", `/users/${person.userId}`, person)).status).toBe(403);
  expect((await setRole(person, person.userId, "admin")).status).toBe(403);
  expect((await suspend(person, operator.userId)).status).toBe(403);
  expect((await world.ask("POST", `/users/${person.userId}/unsuspend`, person)).status).toBe(403);
});

test("a platform role is given, and the log says from what to what", async () => {
  const person = await world.person("rising");
  const changed = await setRole(operator, person.userId, "premium");
  expect([changed.status, changed.body]).toMatchObject([200, { platform_role: "premium", username: "rising" }]);
  await setRole(operator, person.userId, "premium");
  const rows = await world.db("audit_entry").where({ resource_id: person.userId, action: "user.update" });
  expect(rows).toMatchObject([
    {
      ...{ account_id: null, user_id: operator.userId },
      changes: [{ pointer: "/platform_role", before: "user", after: "premium" }],
    },
  ]);
  expect((await setRole(operator, person.userId, "king")).status).toBe(422);
});

test("a change that was read from another state is a 412", async () => {
  const person = await world.person("guarded");
  const path = `/users/${person.userId}`;
  const etag = (await world.ask("GET", path, operator)).headers.get("etag") ?? "";
  const change = (platform_role: string) =>
    world.ask("PATCH", path, { ...operator, body: { platform_role }, headers: { "if-match": etag } });
  expect((await change("premium")).status).toBe(200);
  expect((await change("moderator")).status).toBe(412);
});

test("a suspended user's sessions and tokens stop at once; the tokens come back with them, the sessions do not", async () => {
  const person = await world.person("suspended");
  const { token } = await world.makeToken(person);
  expect([await world.reach(person.bearer), await world.reach(token)]).toMatchObject([{ view: 200 }, { view: 200 }]);
  const suspended = await suspend(operator, person.userId, { reason: "Unpaid invoices" });
  expect([suspended.status, suspended.body]).toMatchObject([
    200,
    { suspended_at: expect.any(String), suspension_reason: "Unpaid invoices" },
  ]);
  expect(await world.reach(person.bearer)).toMatchObject({ mine: 401, view: 401 });
  expect(await world.reach(token)).toMatchObject({ mine: 403, view: 403 });
  const logIn = () => world.auth.logIn({ login: "suspended", password: "correct-horse-1" });
  await expect(logIn()).rejects.toMatchObject({
    kind: { status: 403 },
    detail: expect.stringContaining("Unpaid invoices"),
  });
  await suspend(operator, person.userId, { reason: "Unpaid invoices" });
  expect((await world.ask("POST", `/users/${person.userId}/unsuspend`, operator)).body).toMatchObject({
    ...{ suspended_at: null, suspension_reason: null },
  });
  expect(await world.reach(token)).toMatchObject({ view: 200 });
  expect(await world.reach(person.bearer)).toMatchObject({ mine: 401 });
  expect((await deedsOf(person.userId)).slice(-3)).toEqual(["session.end-all", "user.suspend", "user.unsuspend"]);
});

test("the platform keeps an admin: the last one is neither unmade nor suspended", async () => {
  for (const reply of [await setRole(operator, operator.userId, "user"), await suspend(operator, operator.userId)]) {
    expect([reply.status, reply.body]).toMatchObject([409, { type: "urn:edgewright:problem:last-administrator" }]);
  }
  // One who is suspended is none to rely on.
  const second = await administrator("second");
  await world.db("user").where({ id: second.userId }).update({ created_at: "2020-01-01T00:00:00Z" });
  await suspend(operator, second.userId);
  expect((await world.auth.findOperator())?.user.id).toBe(operator.userId);
  expect((await setRole(operator, operator.userId, "user")).status).toBe(409);
});

test("of admins who unmake and suspend each other at the same time, one stays", async () => {
  for (let round = 0; round < 3; round++) {
    const others = [await administrator(`rival-${round}-a`), await administrator(`rival-${round}-b`)];
    const rivals = [operator, ...others];
    await Promise.all(
      rivals.flatMap((rival, index) => {
        const target = rivals[(index + 1) % rivals.length]?.userId ?? "";
        return [setRole(rival, target, "user"), suspend(rival, target)];
      }),
    );
    const left = await world.db("user").where({ platform_role: "admin" }).whereNull("suspended_at");
    expect(left.length).toBeGreaterThanOrEqual(1);
    // For the next round.
    await world.db("user").where({ id: operator.userId }).update({ platform_role: "admin", suspended_at: null });
    await world.db("user").whereNot({ id: operator.userId }).update({ platform_role: "user" });
    operator = {
      ...operator,
      bearer: (await world.auth.logIn({ login: "operator", password: "correct-horse-1" })).token,
    };
  }
});
