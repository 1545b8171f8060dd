import { afterAll, beforeAll, expect, test } from "vitest";
import { linkIn } from "../../mail/test-mail-server.ts";
import { createTestPeople, PASSWORD, type TestPeople } from "../test-people.ts";
import { profileInput } from "./schema.ts";

let people: TestPeople;
beforeAll(async () => {
  people = await createTestPeople();
});
afterAll(() => people.stop());

const get = (token: string) => people.ask("GET", "/auth/profile", { token });
const put = (token: string, body: unknown, headers: Record<string, string> = {}) =>
  people.ask("PUT", "/auth/profile", { token, body, headers });

test("a profile is read and changed field by field; null empties one", async () => {
  const { id, token } = await people.register("ada");
  const first = await get(token);
  expect(first.body).toMatchObject({ id, username: "ada", email: "ada@example.com", name: null, bio: null });
  const filled = { name: "Ada Lovelace", bio: "Notes,\nwith notes.", avatar_url: "https://example.com/a.png?s=1" };
  expect((await put(token, filled)).body).toMatchObject(filled);
  expect((await put(token, { bio: null, username: "Countess" })).body).toMatchObject({
    ...filled,
    bio: null,
    username: "Countess",
  });
  expect((await get(token)).body).toMatchObject({ name: "Ada Lovelace", bio: null, username: "Countess" });
  const entries: unknown = await people.db("audit_entry").where({ user_id: id, action: "user.update" });
  expect(entries).toHaveLength(2);
});

test.each([
  ["name", "two\nlines"],
  ["name", "x".repeat(101)],
  ["bio", "x".repeat(1001)],
  ["bio", "nul \0 inside"],
  ["avatar_url", "http://example.com/a.png"],
  ["avatar_url", "javascript:alert(1)"],
  ["avatar_url", "https://user:password@example.com/a.png"],
  ["avatar_url", "https://"],
  ["avatar_url", `https://example.com/${"x".repeat(2048)}`],
  ["username", "a b"],
  ["email", "nobody"],
  ["role", "admin"],
])("%s may not be %j", (field, value) => {
  expect(profileInput.safeParse({ [field]: value }).success).toBe(false);
});

test("If-Match guards a change", async () => {
  const { token } = await people.register("guarded");
  const etag = (await get(token)).headers.get("etag") ?? "";
  expect((await put(token, { name: "First" }, { "if-match": etag })).status).toBe(200);
  expect((await put(token, { name: "Second" }, { "if-match": etag })).status).toBe(412);
});

test("a name or address of somebody else is a 409 that names the field", async () => {
  await people.register("taken");
  const { token } = await people.register("taker");
  const name = await put(token, { username: "TAKEN" });
  expect([name.status, name.body]).toMatchObject([409, { errors: [{ pointer: "/username" }] }]);
  const address = await put(token, { email: "Taken@example.com", password: PASSWORD });
  expect([address.status, address.body]).toMatchObject([409, { errors: [{ pointer: "/email" }] }]);
});

test("another address takes the password, is to be confirmed, and the former one hears of it", async () => {
  await people.work();
  const { id, token } = await people.register("mover");
  const [first] = await people.work();
  const confirm = (secret: string | null) => people.ask("POST", "/auth/verify-email", { body: { token: secret } });
  expect((await confirm(first === undefined ? null : linkIn(first).searchParams.get("token"))).status).toBe(204);
  expect((await get(token)).body).toMatchObject({ email_verified: true });

  const missing = await put(token, { email: "new@example.com" });
  expect([missing.status, missing.body]).toMatchObject([422, { errors: [{ pointer: "/password" }] }]);
  const wrong = await put(token, { email: "new@example.com", password: "wrong-horse-1" });
  expect([wrong.status, wrong.body]).toMatchObject([403, { errors: [{ pointer: "/password" }] }]);
  const moved = await put(token, { email: "new@example.com", password: PASSWORD });
  expect(moved.body).toMatchObject({ email: "new@example.com", email_verified: false });

  const mails = await people.work();
  expect(mails.map((mail) => mail.to).sort()).toEqual([["mover@example.com"], ["new@example.com"]]);
  const [link] = mails.filter((mail) => mail.to[0] === "new@example.com").map(linkIn);
  expect((await confirm(link?.searchParams.get("token") ?? null)).status).toBe(204);
  expect((await get(token)).body).toMatchObject({ email: "new@example.com", email_verified: true });
  const actions: unknown = await people.db("audit_entry").where({ user_id: id }).orderBy("created_at").pluck("action");
  expect(actions).toEqual([
    ...["user.create", "account.create", "session.create"],
    ...["user.verify-email", "user.update", "user.verify-email"],
  ]);
});
