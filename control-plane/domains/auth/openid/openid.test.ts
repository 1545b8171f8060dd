import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createLogger } from "../../../../platform/log.ts";
import { createTestPeople, PASSWORD, PUBLIC_URL, type TestPeople } from "../test-people.ts";
import { createOpenIdIssuer } from "./issuer.ts";
import { type Browser, createBrowser, startTestIssuer, type TestIssuer } from "./test-issuer.ts";

const tokenSchema = z.object({ token: z.string() });

const log = createLogger({ role: "test", level: "silent" });
const callback = `${PUBLIC_URL}/openid/callback`;
const start = `${PUBLIC_URL}/openid/login`;

let people: TestPeople;
let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await startTestIssuer(callback);
  people = await createTestPeople({ issuer: knownBy(issuer) });
});
afterAll(async () => {
  await people.stop();
  await issuer.stop();
});

function knownBy({ url, clientId, clientSecret }: TestIssuer) {
  const clock = () => new Date();
  return createOpenIdIssuer({ issuer: url, clientId, clientSecret, redirectUri: callback, clock, log });
}
const newBrowser = ({ url }: TestPeople = people) => createBrowser({ publicUrl: PUBLIC_URL, url });
const codeIn = (html: string) => /<code>([^<]+)<\/code>/.exec(html)?.[1];
const exchange = (code: string | undefined, more: object = {}) =>
  people.ask("POST", "/auth/openid/login", { body: { code, ...more } });
const profileOf = async (token: string) => (await people.ask("GET", "/auth/profile", { token })).body;

/** Somebody logs in at the issuer and comes back with a code. */
async function comeBack(person: TestIssuer["person"], browser = newBrowser()) {
  issuer.person = person;
  return browser.open(start);
}
async function logIn(person: TestIssuer["person"]): Promise<string> {
  const { html } = await comeBack(person);
  return tokenSchema.parse((await exchange(codeIn(html))).body).token;
}

test("whoever the issuer knows becomes a user, and is the same one the next time", async () => {
  const ada = {
    ...{ sub: randomUUID(), email: "Ada@example.com", email_verified: true },
    ...{ name: "Ada Lovelace", preferred_username: "ada" },
  };
  const { status, html } = await comeBack(ada);
  expect(status).toBe(200);
  const reply = await exchange(codeIn(html));
  const { token } = tokenSchema.parse(reply.body);
  const profile = await profileOf(token);
  expect(profile).toMatchObject({
    ...{ username: "ada", email: "Ada@example.com", email_verified: true, name: "Ada Lovelace" },
  });
  expect((await people.ask("GET", "/auth/identities", { token })).body).toMatchObject({
    data: [{ kind: "openid", issuer: issuer.url, subject: ada.sub }],
  });
  expect((await people.ask("GET", "/auth/sessions", { token })).body).toMatchObject({ data: [{ method: "openid" }] });
  expect(await profileOf(await logIn({ ...ada, email: "changed@example.com", name: "Countess" }))).toEqual(profile);
});

test("a code is good once, and for two minutes", async () => {
  const person = { sub: randomUUID() };
  const { html } = await comeBack(person);
  const replies = await Promise.all([exchange(codeIn(html)), exchange(codeIn(html))]);
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 410]);
  const late = await comeBack(person);
  people.passTime(120_000);
  expect((await exchange(codeIn(late.html))).status).toBe(410);
});

test("a confirmed address makes them one person; one that the issuer has not checked makes them none", async () => {
  const grace = await people.register("grace");
  const told = { email: "grace@example.com", email_verified: true, preferred_username: "grace" };
  // Whoever registers with somebody else's address must not get the person who owns it.
  const unconfirmed = await comeBack({ sub: randomUUID(), ...told });
  expect([unconfirmed.status, codeIn(unconfirmed.html)]).toEqual([409, undefined]);
  await people.db("user").where({ id: grace.id }).update({ email_verified_at: people.clock() });

  const other = await profileOf(await logIn({ sub: randomUUID(), ...told, email_verified: false }));
  expect(other).toMatchObject({ email: null, username: expect.stringMatching(/^grace-[0-9a-f]{5}$/) });
  expect(await profileOf(await logIn({ sub: randomUUID(), ...told }))).toMatchObject({ id: grace.id });
});

test("only the browser that was sent there is let back in", async () => {
  issuer.person = { sub: randomUUID() };
  const victim = newBrowser();
  const eve = newBrowser();
  const ofEve = await eve.open(start, { stopAt: callback });
  // Eve's answer, opened by somebody who never set out, or who is on a way of their own.
  expect((await newBrowser().open(ofEve.url.href)).status).toBe(401);
  await victim.open(start, { stopAt: callback });
  const lured = await victim.open(ofEve.url.href);
  expect([lured.status, codeIn(lured.html)]).toEqual([401, undefined]);
  // Somebody else's code behind a state of one's own: PKCE refuses it.
  const mine = await eve.open(start, { stopAt: callback });
  const theirs = await newBrowser().open(start, { stopAt: callback });
  mine.url.searchParams.set("code", theirs.url.searchParams.get("code") ?? "");
  expect((await eve.open(mine.url.href)).status).toBe(401);
});

test("an answer is good once, and a no is a page that says so", async () => {
  issuer.person = { sub: randomUUID() };
  const browser: Browser = newBrowser();
  const answer = await browser.open(start, { stopAt: callback });
  expect((await browser.open(answer.url.href)).status).toBe(200);
  expect((await browser.open(answer.url.href)).status).toBe(401);
  issuer.isUnwilling = true;
  const refused = await newBrowser().open(start);
  issuer.isUnwilling = false;
  expect([refused.status, refused.html]).toEqual([401, expect.stringContaining("You could not be recognised")]);
});

test("an authenticator is asked for here too, and the code stays good until it comes", async () => {
  const { id, token } = await people.register("linus");
  await people.db("user").where({ id }).update({ email_verified_at: people.clock() });
  const { body } = await people.ask("POST", "/auth/totp", { token, body: { password: PASSWORD } });
  const { otpauth_uri } = z.object({ otpauth_uri: z.string() }).parse(body);
  const { Secret, TOTP } = await import("otpauth");
  const secret = Secret.fromBase32(new URL(otpauth_uri).searchParams.get("secret") ?? "");
  const now = () => ({ totp_code: TOTP.generate({ secret, timestamp: people.clock().getTime() }) });
  await people.ask("POST", "/auth/totp/confirm", { token, body: now() });
  people.passTime(30_000);
  const { html } = await comeBack({ sub: randomUUID(), email: "linus@example.com", email_verified: true });
  expect((await exchange(codeIn(html))).body).toMatchObject({ type: "urn:edgewright:problem:totp-required" });
  expect((await exchange(codeIn(html), now())).status).toBe(200);
});

test("without an issuer the pages say so", async () => {
  const alone = await createTestPeople();
  try {
    expect((await newBrowser(alone).open(start)).status).toBe(404);
    expect((await newBrowser(alone).open(`${callback}?code=x&state=y`)).status).toBe(404);
  } finally {
    await alone.stop();
  }
});

test("an issuer that is away is a page that says so", async () => {
  const gone = await startTestIssuer(callback);
  await gone.stop();
  const waiting = await createTestPeople({ issuer: knownBy(gone) });
  try {
    const page = await newBrowser(waiting).open(start);
    expect([page.status, page.html]).toEqual([503, expect.stringContaining("identity provider")]);
  } finally {
    await waiting.stop();
  }
});
