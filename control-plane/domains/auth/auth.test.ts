import { randomUUID } from "node:crypto";
import { decodeProtectedHeader, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLogger } from "../../../platform/log.ts";
import { createSeal } from "../../../platform/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import { createAuthenticators, createAuthService, createSigningKeys, createTokens } from "./index.ts";
import { registerInput } from "./log-in/schema.ts";
import { newPassword } from "./schema.ts";

const seal = createSeal(Buffer.alloc(32, 0x0f));
const log = createLogger({ role: "test", level: "silent" });
const DAY_MS = 24 * 60 * 60 * 1000;

let database: TestDatabase;
let now = new Date("2026-03-01T12:00:00Z");
const clock = () => now;
let tokens: ReturnType<typeof createTokens>;
let auth: ReturnType<typeof createAuthService>;
let authenticate: ReturnType<typeof createAuthenticators>["account"];

beforeAll(async () => {
  database = await createTestDatabase();
  tokens = createTokens({ keys: createSigningKeys({ db: database.db, seal, clock, log }), clock });
  auth = createAuthService({ db: database.db, clock, tokens });
  authenticate = createAuthenticators(auth).account;
});

afterAll(() => database.stop());

const password = "correct-horse-1";
const asking = (token: string, accountId?: string) =>
  authenticate({
    requestId: "r1",
    clientAddress: "192.0.2.1",
    header: (name) =>
      ({ authorization: `Bearer ${token}`, ...(accountId === undefined ? {} : { "x-account-id": accountId }) })[name],
  });

test("whoever registers owns an account and is recognised by the token for 24 hours", async () => {
  const { user, account, token, expiresAt } = await auth.register({
    username: "ada",
    email: "ada@example.com",
    password,
  });
  expect(expiresAt.getTime() - now.getTime()).toBe(DAY_MS);
  expect(await asking(token)).toMatchObject({
    userId: user.id,
    accountId: account.id,
    accountRole: "owner",
    platformRole: "user",
  });
  const registeredAt = now;
  now = new Date(registeredAt.getTime() + DAY_MS - 1000);
  await asking(token);
  now = new Date(registeredAt.getTime() + DAY_MS + 1000);
  await expect(asking(token)).rejects.toMatchObject({ kind: { status: 401 } });
  now = registeredAt;
});

test("log-in is by name or e-mail, whatever their case, and by the right password alone", async () => {
  await auth.register({ username: "Grace", email: "Grace@Example.com", password });
  for (const login of ["grace", "GRACE", "grace@example.COM"]) await auth.logIn({ login, password });
  for (const [login, wrong] of [
    ["grace", "correct-horse-2"],
    ["nobody", password],
    ["nobody@example.com", password],
  ] as const) {
    await expect(auth.logIn({ login, password: wrong })).rejects.toMatchObject({
      kind: { type: "urn:edgewright:problem:login-refused" },
    });
  }
});

test("a name or address that somebody has is a 409 that names the field, and stores nothing", async () => {
  await auth.register({ username: "linus", email: "linus@example.com", password });
  const before = await database.db("account");
  await expect(auth.register({ username: "LINUS", email: "other@example.com", password })).rejects.toMatchObject({
    kind: { status: 409 },
    errors: [{ pointer: "/username" }],
  });
  await expect(auth.register({ username: "other", email: "Linus@example.com", password })).rejects.toMatchObject({
    errors: [{ pointer: "/email" }],
  });
  expect(await database.db("account")).toHaveLength(before.length);
});

test("an account that the user is no member of is not theirs to name", async () => {
  const mine = await auth.register({ username: "mine", email: "mine@example.com", password });
  const other = await auth.register({ username: "other-one", email: "other-one@example.com", password });
  expect(await asking(mine.token, mine.account.id)).toMatchObject({ accountId: mine.account.id });
  await expect(asking(mine.token, other.account.id)).rejects.toMatchObject({ kind: { status: 403 } });
  await expect(asking(mine.token, randomUUID())).rejects.toMatchObject({ kind: { status: 403 } });
  await expect(asking(mine.token, "not-an-id")).rejects.toMatchObject({ kind: { status: 422 } });
});

test("a forged, unsigned, foreign or broken token is a 401", async () => {
  const { user } = await auth.register({ username: "target", email: "target@example.com", password });
  const claims = { sub: user.id, aud: "edgewright", jti: randomUUID() };
  const otherKey = new Uint8Array(32).fill(1);
  const mine = await tokens.issue(user.id);
  const { kid } = decodeProtectedHeader(mine.token);
  const forge = (header: { kid?: string }) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256", ...header })
      .setExpirationTime("1h")
      .sign(otherKey);
  const forged = await Promise.all([{ kid: kid ?? "" }, { kid: randomUUID() }, { kid: "1" }, {}].map(forge));
  const unsigned = new UnsecuredJWT(claims).setExpirationTime("1h").encode();
  const gone = await tokens.issue(randomUUID());
  for (const token of [...forged, unsigned, gone.token, "x", `${mine.token}x`]) {
    await expect(asking(token)).rejects.toMatchObject({ kind: { status: 401 } });
  }
});

test("two first starts make one administrator, who keeps the password of the first", async () => {
  const made = await Promise.all(
    [1, 2, 3].map((number) =>
      auth.ensureAdministrator({ email: `admin${number}@example.com`, password: `${password}${number}` }),
    ),
  );
  expect(made.filter((user) => user !== undefined)).toHaveLength(1);
  expect((await auth.findOperator())?.membership.role).toBe("owner");
});

test.each(["short1", "lettersonly", "12345678", "ä1".repeat(30)])("the password %j is refused", (text) => {
  expect(newPassword.safeParse(text).success).toBe(false);
});

test.each(["ab", "a".repeat(31), "with space", "ünicode", "a@b"])("the user name %j is refused", (username) => {
  expect(registerInput.safeParse({ username, email: "x@example.com", password }).success).toBe(false);
});
