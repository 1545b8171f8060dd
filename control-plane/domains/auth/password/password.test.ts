import { afterAll, beforeAll, expect, test } from "vitest";
import { linkIn, type ReceivedMail } from "../../mail/test-mail-server.ts";
import { createTestPeople, PASSWORD, type TestPeople } from "../test-people.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NEW = "battery-staple-2";

let people: TestPeople;
beforeAll(async () => {
  people = await createTestPeople();
});
afterAll(() => people.stop());

const statusOf = async (token: string) => (await people.ask("GET", "/auth/verify", { token })).status;
const forget = (email: string) => people.ask("POST", "/auth/forgot-password", { body: { email } });
const reset = (token: string | null, password: string) =>
  people.ask("POST", "/auth/reset-password", { body: { token, password } });
const tokenIn = (mail: ReceivedMail | undefined) =>
  mail === undefined ? null : linkIn(mail).searchParams.get("token");

test("a changed password ends every session and answers the token of a new one", async () => {
  const { id, token } = await people.register("ada");
  const elsewhere = await people.logIn("ada");
  const body = { current_password: PASSWORD, new_password: NEW };
  const reply = await people.ask("POST", "/auth/change-password", { token, body });
  expect(reply.status).toBe(200);
  expect(reply.body).toEqual({ token: expect.any(String), expires_at: expect.any(String) });
  expect([await statusOf(token), await statusOf(elsewhere)]).toEqual([401, 401]);
  expect(await statusOf(Object(reply.body).token)).toBe(200);
  await expect(people.logIn("ada")).rejects.toMatchObject({ kind: { status: 401 } });
  expect(await statusOf(await people.logIn("ada", NEW))).toBe(200);
  const entry: unknown = await people.db("audit_entry").where({ user_id: id, action: "user.change-password" }).first();
  expect(entry).toMatchObject({ changes: [{ pointer: "/password", before: "(set)", after: "(set)" }] });
});

test("without the current password nothing changes, and each fault names its field", async () => {
  const { token } = await people.register("grace");
  const change = (body: unknown) => people.ask("POST", "/auth/change-password", { token, body });
  const wrong = await change({ current_password: "wrong-horse-1", new_password: NEW });
  expect([wrong.status, wrong.body]).toMatchObject([403, { errors: [{ pointer: "/current_password" }] }]);
  const missing = await change({ new_password: NEW });
  expect([missing.status, missing.body]).toMatchObject([422, { errors: [{ pointer: "/current_password" }] }]);
  const same = await change({ current_password: PASSWORD, new_password: PASSWORD });
  expect([same.status, same.body]).toMatchObject([422, { errors: [{ pointer: "/new_password" }] }]);
  const weak = await change({ current_password: PASSWORD, new_password: "password" });
  expect([weak.status, weak.body]).toMatchObject([422, { errors: [{ pointer: "/new_password" }] }]);
  expect(await statusOf(token)).toBe(200);
});

test("who has no password sets one within ten minutes of a log-in, and not later", async () => {
  const { id, token } = await people.register("wallet");
  await people.db("user").where({ id }).update({ password_hash: null });
  const change = () => people.ask("POST", "/auth/change-password", { token, body: { new_password: NEW } });
  people.passTime(11 * MINUTE_MS);
  expect(await change()).toMatchObject({ status: 403, body: { type: expect.stringContaining("recent-login") } });
  people.passTime(-2 * MINUTE_MS);
  expect((await change()).status).toBe(200);
  expect(await statusOf(await people.logIn("wallet", NEW))).toBe(200);
});

test("of two changes at once, one holds", async () => {
  const { token } = await people.register("twice");
  const change = (password: string) =>
    people.ask("POST", "/auth/change-password", {
      token,
      body: { current_password: PASSWORD, new_password: password },
    });
  const replies = await Promise.all([change("one-password-1"), change("two-password-2")]);
  expect(replies.map(({ status }) => status).sort()).toEqual([200, expect.toBeOneOf([401, 403])]);
});

test("a forgotten password is chosen anew with the mailed link, once, and every session ends", async () => {
  const { id, token } = await people.register("linus");
  await people.work();
  expect((await forget("LINUS@example.com")).status).toBe(202);
  const [mail] = await people.work();
  expect(mail?.to).toEqual(["linus@example.com"]);
  const secret = tokenIn(mail);
  expect(await people.db("one_time_token").where({ hash: secret })).toHaveLength(0);
  const weak = await reset(secret, "weak-password");
  expect([weak.status, weak.body]).toMatchObject([422, { errors: [{ pointer: "/password" }] }]);
  expect((await reset(secret, NEW)).status).toBe(204);
  expect(await statusOf(token)).toBe(401);
  expect(await statusOf(await people.logIn("linus", NEW))).toBe(200);
  expect((await reset(secret, "another-one-3")).status).toBe(410);
  // Reading the mail proved the address too.
  expect(await people.db("user").where({ id }).first("email_verified_at")).toEqual({
    email_verified_at: expect.any(Date),
  });
});

test("of two who show one link at once, one succeeds", async () => {
  await people.register("race");
  await people.work();
  await forget("race@example.com");
  const secret = tokenIn((await people.work())[0]);
  const replies = await Promise.all([reset(secret, "one-password-1"), reset(secret, "two-password-2")]);
  expect(replies.map(({ status }) => status).sort()).toEqual([204, 410]);
});

test("a link ends after an hour, and with the address that it was sent to", async () => {
  const { token } = await people.register("late");
  await people.work();
  await forget("late@example.com");
  const secret = tokenIn((await people.work())[0]);
  people.passTime(HOUR_MS);
  expect((await reset(secret, NEW)).status).toBe(410);
  await forget("late@example.com");
  const second = tokenIn((await people.work())[0]);
  const body = { email: "elsewhere@example.com", password: PASSWORD };
  expect((await people.ask("PUT", "/auth/profile", { token, body })).status).toBe(200);
  expect((await reset(second, NEW)).status).toBe(410);
});

test("nobody is mailed for an address that is nobody's, and nobody twice a minute", async () => {
  await people.register("calm");
  await people.work();
  await forget("nobody@example.com");
  expect(await people.work()).toHaveLength(0);
  for (let times = 0; times < 3; times += 1) await forget("calm@example.com");
  expect(await people.work()).toHaveLength(1);
  people.passTime(MINUTE_MS);
  await forget("calm@example.com");
  expect(await people.work()).toHaveLength(1);
});

test("a mail that fails is tried again with a token of its own, and both links are good until one is used", async () => {
  await people.register("unlucky");
  await people.work();
  await forget("unlucky@example.com");
  const job: unknown = await people.db("outbox").first();
  people.mailServer.refuse(451);
  await expect(people.work()).rejects.toThrow("could not be handed over yet");
  await people.db("outbox").insert(Object(job));
  const secret = tokenIn((await people.work())[0]);
  expect((await reset(secret, NEW)).status).toBe(204);
  expect(await people.db("one_time_token").where({ purpose: "reset-password", email: "unlucky@example.com" })).toEqual(
    [],
  );
});

test("whoever confirmed their address hears of a changed password", async () => {
  const { id, token } = await people.register("told");
  await people.work();
  await people.db("user").where({ id }).update({ email_verified_at: people.clock() });
  const body = { current_password: PASSWORD, new_password: NEW };
  await people.ask("POST", "/auth/change-password", { token, body });
  const [mail] = await people.work();
  expect(mail?.content).toContain("Your password was changed");
});
