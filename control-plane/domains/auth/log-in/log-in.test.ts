import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { newPassword } from "../schema.ts";
import { createTestPeople, PASSWORD as password, type TestPeople } from "../test-people.ts";
import { registerInput } from "./schema.ts";

let people: TestPeople;
beforeAll(async () => {
  people = await createTestPeople();
});
afterAll(() => people.stop());

function post(path: string, body: unknown): Promise<Response> {
  return fetch(`${people.url}/api/v1/auth/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
}

function verify(headers: Record<string, string>): Promise<Response> {
  return fetch(`${people.url}/api/v1/auth/verify`, { headers, signal: AbortSignal.timeout(10_000) });
}

const sessionSchema = z.object({ token: z.string(), expires_at: z.iso.datetime() });
const registeredSchema = sessionSchema.extend({
  user: z.object({ id: z.uuid() }),
  account: z.object({ id: z.uuid() }),
});
const ada = { username: "ada", email: "ada@example.com", password: password };

test("registering answers the user, the account and a token that is good from then on", async () => {
  const reply = await post("register", ada);
  expect(reply.status).toBe(201);
  expect(reply.headers.get("cache-control")).toBe("no-store");
  const text = await reply.text();
  expect(text).not.toContain("password");
  const { token, user, account } = registeredSchema.parse(JSON.parse(text));

  const session = sessionSchema.parse(await (await post("login", { login: "ADA", password: ada.password })).json());
  for (const bearer of [token, session.token]) {
    const verified = await verify({ authorization: `Bearer ${bearer}` });
    expect([verified.status, await verified.json()]).toMatchObject([
      200,
      { user: { id: user.id, username: "ada", platform_role: "user" }, account_id: account.id, account_role: "owner" },
    ]);
  }
});

test("a registration with faults everywhere names them all", async () => {
  const reply = await post("register", { username: "a b", email: "nobody", password: "short", role: "admin" });
  expect(reply.status).toBe(422);
  const { errors } = z.object({ errors: z.array(z.object({ pointer: z.string() })) }).parse(await reply.json());
  expect([...new Set(errors.map((fault) => fault.pointer))].sort()).toEqual([
    "/email",
    "/password",
    "/role",
    "/username",
  ]);
});

test("a name that is in use is a 409 that says so, a wrong password a 401 that does not say which was wrong", async () => {
  const taken = await post("register", { ...ada, username: "Grace", email: "ADA@example.com" });
  expect([taken.status, await taken.json()]).toMatchObject([409, { errors: [{ pointer: "/email" }] }]);
  const wrong = await post("login", { login: "ada", password: "wrong-horse-1" });
  const unknown = await post("login", { login: "nobody", password: "wrong-horse-1" });
  expect([wrong.status, unknown.status]).toEqual([401, 401]);
  const details = await Promise.all([wrong, unknown].map(async (reply) => problemSchema.parse(await reply.json())));
  expect(details[0]).toEqual(details[1]);
});

const problemSchema = z.object({ type: z.string(), title: z.string(), detail: z.string() });

test("without a token, or with a broken one, a person is asked to log in", async () => {
  for (const headers of [{}, { authorization: "Bearer x.y.z" }, { authorization: "Basic YTpi" }]) {
    const reply = await verify(headers);
    expect([reply.status, reply.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  }
});

test.each(["short1", "lettersonly", "12345678", "ä1".repeat(30), "nul-\0-inside-1"])(
  "the password %j is refused",
  (text) => {
    expect(newPassword.safeParse(text).success).toBe(false);
  },
);

test.each(["ab", "a".repeat(31), "with space", "ünicode", "a@b"])("the user name %j is refused", (username) => {
  expect(registerInput.safeParse({ username, email: "x@example.com", password }).success).toBe(false);
});

test("an address in any form of its domain is one address", async () => {
  const body = { username: "buecher", email: "Buch@Bücher.example", password };
  const registered = await people.ask("POST", "/auth/register", { body });
  expect(registered.body).toMatchObject({ user: { email: "Buch@xn--bcher-kva.example", email_verified: false } });
  for (const login of ["buch@bücher.example", "BUCH@xn--bcher-kva.EXAMPLE"]) {
    expect((await people.ask("POST", "/auth/login", { body: { login, password } })).status).toBe(200);
  }
  const again = { ...body, username: "other", email: "buch@XN--BCHER-KVA.example" };
  expect((await people.ask("POST", "/auth/register", { body: again })).status).toBe(409);
});

test("what no column can hold is a fault of the request", async () => {
  for (const login of ["a\0da", "ada\ud800", "x\n@example.com"]) {
    expect((await people.ask("POST", "/auth/login", { body: { login, password } })).status).toBe(422);
  }
});
