import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { inTransaction } from "../../../database/transaction.ts";
import { enqueueJob } from "../../../jobs/outbox.ts";
import { deleteExpired } from "../jobs.ts";
import { createTestPeople, type TestPeople } from "../test-people.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

let people: TestPeople;
beforeAll(async () => {
  people = await createTestPeople();
});
afterAll(() => people.stop());

const sessionsOf = async (token: string) => {
  const { body } = await people.ask("GET", "/auth/sessions", { token });
  const session = z.object({ id: z.uuid(), is_current: z.boolean(), user_agent: z.string().nullable() });
  return z.object({ data: z.array(session) }).parse(body).data;
};
const statusOf = async (token: string) => (await people.ask("GET", "/auth/verify", { token })).status;

test("a log-out ends this session at once, for good, and no other", async () => {
  const { token } = await people.register("ada");
  const other = await people.logIn("ada");
  expect(await statusOf(token)).toBe(200);
  expect((await people.ask("POST", "/auth/logout", { token })).status).toBe(204);
  const after = await people.ask("GET", "/auth/verify", { token });
  expect([after.status, after.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  expect(after.body).toMatchObject({ detail: expect.stringContaining("log in again") });
  expect((await people.ask("POST", "/auth/logout", { token })).status).toBe(401);
  expect(await statusOf(other)).toBe(200);
});

test("a person sees where they are logged in, and ends a session that is not theirs", async () => {
  const { token } = await people.register("grace");
  const reply = await people.ask("POST", "/auth/login", { body: { login: "grace", password: "correct-horse-1" } });
  const elsewhere = z.object({ token: z.string() }).parse(reply.body).token;
  const sessions = await sessionsOf(token);
  expect(sessions.map((session) => session.is_current).sort()).toEqual([false, true]);
  const foreign = sessions.find((session) => !session.is_current);
  expect(foreign?.user_agent).toBe("node");
  const ended = await people.ask("DELETE", `/auth/sessions/${foreign?.id}`, { token });
  expect(ended.status).toBe(204);
  expect([await statusOf(elsewhere), await statusOf(token)]).toEqual([401, 200]);
  expect((await people.ask("DELETE", `/auth/sessions/${foreign?.id}`, { token })).status).toBe(404);
  expect(await sessionsOf(token)).toHaveLength(1);
});

test("somebody else's session is not there, to look at or to end", async () => {
  const linus = await people.register("linus");
  const [session] = await sessionsOf(linus.token);
  const eve = await people.register("eve");
  expect(await sessionsOf(eve.token)).toHaveLength(1);
  const reply = await people.ask("DELETE", `/auth/sessions/${session?.id}`, { token: eve.token });
  expect(reply.status).toBe(404);
  expect(await statusOf(linus.token)).toBe(200);
});

test("sessions page by cursor, newest first", async () => {
  const { token } = await people.register("many");
  for (let count = 0; count < 3; count += 1) {
    people.passTime(1000);
    await people.logIn("many");
  }
  const page = z.object({ data: z.array(z.object({ id: z.uuid(), created_at: z.string() })), next_cursor: z.string() });
  const first = page.parse((await people.ask("GET", "/auth/sessions?limit=3", { token })).body);
  const rest = await people.ask("GET", `/auth/sessions?limit=3&cursor=${first.next_cursor}`, { token });
  expect(rest.body).toMatchObject({ data: [{ is_current: true }], next_cursor: null });
  const times = first.data.map((session) => session.created_at);
  expect(times).toEqual([...times].sort().reverse());
});

test("an expired session is no longer listed, and its row goes with the next sweep", async () => {
  const { id } = await people.register("gone");
  people.passTime(DAY_MS);
  const fresh = await people.logIn("gone");
  expect(await sessionsOf(fresh)).toHaveLength(1);
  expect(await people.db("session").where({ user_id: id })).toHaveLength(2);
  await inTransaction(people.db, (tx) => enqueueJob(tx, deleteExpired, {}));
  await people.work();
  expect(await people.db("session").where({ user_id: id })).toHaveLength(1);
  expect(await statusOf(fresh)).toBe(200);
});

test("the audit log has every log-in and log-out, from where, and by which request", async () => {
  const { id, token } = await people.register("audited");
  await people.ask("POST", "/auth/logout", { token });
  const entries: unknown = await people.db("audit_entry").where({ user_id: id }).orderBy("created_at");
  expect(entries).toMatchObject([
    { action: "user.create", account_id: null, resource_id: id },
    { action: "account.create" },
    { action: "session.create", resource_type: "session", changes: [{ pointer: "/method", after: "password" }] },
    { action: "session.end", client_address: "127.0.0.1", request_id: expect.any(String) },
  ]);
});
