import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { linkIn } from "../../mail/test-mail-server.ts";
import { createTestPeople, type TestPeople } from "../test-people.ts";

const HOUR_MS = 60 * 60 * 1000;

let people: TestPeople;
beforeAll(async () => {
  people = await createTestPeople();
});
afterAll(() => people.stop());

const secretOfNextMail = async () => {
  const [mail] = await people.work();
  return mail === undefined ? null : linkIn(mail).searchParams.get("token");
};
const verify = (token: string | null) => people.ask("POST", "/auth/verify-email", { body: { token } });

test("whoever registers is mailed a link, which confirms the address once", async () => {
  const { token } = await people.register("ada");
  const secret = await secretOfNextMail();
  expect((await verify(secret)).status).toBe(204);
  expect((await people.ask("GET", "/auth/profile", { token })).body).toMatchObject({ email_verified: true });
  expect((await verify(secret)).status).toBe(410);
});

test("a link is good for 24 hours, and another one may be asked for", async () => {
  const { token } = await people.register("late");
  const secret = await secretOfNextMail();
  people.passTime(24 * HOUR_MS - 1000);
  const fresh = await people.logIn("late");
  const again = await people.ask("POST", "/auth/verify-email/send", { token: fresh });
  expect(again.status).toBe(202);
  people.passTime(1000);
  expect((await verify(secret)).status).toBe(410);
  expect((await verify(await secretOfNextMail())).status).toBe(204);
  expect((await people.ask("POST", "/auth/verify-email/send", { token: fresh })).status).toBe(409);
  expect((await people.ask("POST", "/auth/verify-email/send", { token })).status).toBe(401);
});

test("a token that was made up, or made for something else, confirms nothing", async () => {
  const { token } = await people.register("eve");
  await people.work();
  await people.ask("POST", "/auth/forgot-password", { body: { email: "eve@example.com" } });
  expect((await verify(await secretOfNextMail())).status).toBe(410);
  expect((await verify("A".repeat(43))).status).toBe(410);
  expect((await verify("short")).status).toBe(422);
  expect((await people.ask("GET", "/auth/profile", { token })).body).toMatchObject({ email_verified: false });
});

test("of two links that are followed at the same moment one confirms the address, and the other is used up", async () => {
  const { id, token } = await people.register("hasty");
  const first = await secretOfNextMail();
  people.passTime(60_000);
  await people.ask("POST", "/auth/verify-email/send", { token });
  const second = await secretOfNextMail();
  const held = await people.db.transaction();
  await held("user").where({ id }).forUpdate();
  const both = Promise.all([verify(first), verify(second)]);
  await vi.waitFor(async () => {
    const waiting = people
      .db("pg_stat_activity")
      .where({ wait_event_type: "Lock" })
      .whereRaw("datname = current_database()");
    expect(await waiting).toHaveLength(2);
  }, 10_000);
  await held.rollback();
  expect((await both).map(({ status }) => status).sort()).toEqual([204, 410]);
});
