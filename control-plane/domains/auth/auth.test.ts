import { randomUUID } from "node:crypto";
import { decodeProtectedHeader, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestPeople, PASSWORD as password, type TestPeople } from "./test-people.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

let people: TestPeople;
let auth: TestPeople["auth"];
let tokens: TestPeople["tokens"];

beforeAll(async () => {
  people = await createTestPeople();
  ({ auth, tokens } = people);
});
afterAll(() => people.stop());

const asking = (token: string, accountId?: string) =>
  people.authenticate.account({
    requestId: "r1",
    clientAddress: "192.0.2.1",
    signal: AbortSignal.timeout(10_000),
    header: (name) =>
      ({ authorization: `Bearer ${token}`, ...(accountId === undefined ? {} : { "x-account-id": accountId }) })[name],
  });

test("whoever registers owns an account and is recognised by the token for 24 hours", async () => {
  const { user, account, token, expiresAt } = await auth.register({
    username: "ada",
    email: "ada@example.com",
    password,
  });
  expect(expiresAt.getTime() - people.clock().getTime()).toBe(DAY_MS);
  expect(await asking(token)).toMatchObject({
    userId: user.id,
    accountId: account.id,
    accountRole: "owner",
    platformRole: "user",
  });
  people.passTime(DAY_MS - 1000);
  await asking(token);
  people.passTime(2000);
  await expect(asking(token)).rejects.toMatchObject({ kind: { status: 401 } });
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
  const before = await people.db("account");
  await expect(auth.register({ username: "LINUS", email: "other@example.com", password })).rejects.toMatchObject({
    kind: { status: 409 },
    errors: [{ pointer: "/username" }],
  });
  await expect(auth.register({ username: "other", email: "Linus@example.com", password })).rejects.toMatchObject({
    errors: [{ pointer: "/email" }],
  });
  expect(await people.db("account")).toHaveLength(before.length);
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
