import { createHmac } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createTestPeople, PASSWORD, type TestPeople } from "../test-people.ts";
import { stepOf } from "./rules.ts";

const STEP_MS = 30_000;
const MINUTE_MS = 60_000;

let people: TestPeople;
beforeAll(async () => {
  people = await createTestPeople();
});
afterAll(() => people.stop());

const base32 = (bytes: string) => {
  const bits = [...Buffer.from(bytes)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return (bits.match(/.{5}/g) ?? [])
    .map((five) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[Number.parseInt(five, 2)])
    .join("");
};

/** RFC 4226 §5.3, written down once more: what an app on a phone computes. */
function codeOf(secret: string, at: Date): string {
  const bits = [...secret].map((letter) =>
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"),
  );
  const key = Buffer.from((bits.join("").match(/.{8}/g) ?? []).map((eight) => Number.parseInt(eight, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at.getTime() / STEP_MS)));
  const hmac = createHmac("sha1", key).update(counter).digest();
  const offset = (hmac.at(-1) ?? 0) & 0x0f;
  return String((hmac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

const enrolmentSchema = z.object({ secret: z.string(), otpauth_uri: z.string(), qr_svg: z.string() });
const codesSchema = z.object({ recovery_codes: z.array(z.string()) });

/** Somebody with an authenticator, and its secret. */
async function withAuthenticator(username: string) {
  const person = await people.register(username);
  const { token } = person;
  const enrolled = await people.ask("POST", "/auth/totp", { token, body: { password: PASSWORD } });
  const { secret } = enrolmentSchema.parse(enrolled.body);
  const body = { totp_code: codeOf(secret, people.clock()) };
  const confirmed = await people.ask("POST", "/auth/totp/confirm", { token, body });
  people.passTime(2 * STEP_MS);
  return { ...person, secret, recoveryCodes: codesSchema.parse(confirmed.body).recovery_codes };
}

const logIn = (login: string, more: Record<string, string> = {}) =>
  people.ask("POST", "/auth/login", { body: { login, password: PASSWORD, ...more } });
const now = (secret: string) => ({ totp_code: codeOf(secret, people.clock()) });
const problem = (slug: string) => `urn:edgewright:problem:${slug}`;

test("the codes are those of RFC 6238, appendix B", () => {
  const secret = base32("12345678901234567890");
  for (const [seconds, code] of [
    [59, "287082"],
    [1_111_111_109, "081804"],
    [1_234_567_890, "005924"],
    [20_000_000_000, "353130"],
  ] as const) {
    const at = new Date(seconds * 1000);
    expect(stepOf(secret, code, at)).toBe(Math.floor(seconds / 30));
    expect(codeOf(secret, at)).toBe(code);
    expect(stepOf(secret, code, new Date(at.getTime() + 2 * STEP_MS))).toBeUndefined();
  }
});

test("an authenticator counts from its first code on; then a log-in takes one", async () => {
  const { id, token } = await people.register("ada");
  const enrolled = await people.ask("POST", "/auth/totp", { token, body: { password: PASSWORD } });
  const { secret, otpauth_uri, qr_svg } = enrolmentSchema.parse(enrolled.body);
  expect(new URL(otpauth_uri).searchParams.get("secret")).toBe(secret);
  expect(qr_svg).toMatch(/^<svg /);
  // Not confirmed: nobody is locked out by a QR code that was never scanned.
  expect((await logIn("ada")).status).toBe(200);
  const wrong = await people.ask("POST", "/auth/totp/confirm", { token, body: { totp_code: "000000" } });
  expect([wrong.status, wrong.body]).toMatchObject([403, { type: problem("code-wrong") }]);
  const confirmed = await people.ask("POST", "/auth/totp/confirm", { token, body: now(secret) });
  expect(new Set(codesSchema.parse(confirmed.body).recovery_codes).size).toBe(10);

  const without = await logIn("ada");
  expect([without.status, without.body]).toMatchObject([401, { type: problem("totp-required") }]);
  people.passTime(STEP_MS);
  const code = codeOf(secret, people.clock());
  const spaced = await logIn("ada", { totp_code: `${code.slice(0, 3)} ${code.slice(3)}` });
  expect(spaced.status).toBe(200);
  const state = await people.ask("GET", "/auth/totp", { token });
  expect(state.body).toMatchObject({ enabled: true, recovery_codes_left: 10 });

  const stored = JSON.stringify(await people.db("user_totp").where({ user_id: id }));
  expect(stored).not.toContain(secret);
  const audited: unknown = await people.db("audit_entry").where({ user_id: id });
  expect(JSON.stringify(audited)).not.toContain(secret);
});

test("no code is good twice, also not to two who use it at once", async () => {
  const { secret } = await withAuthenticator("grace");
  const code = now(secret);
  const both = await Promise.all([logIn("grace", code), logIn("grace", code)]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 401]);
  people.passTime(STEP_MS);
  expect((await logIn("grace", code)).body).toMatchObject({ type: problem("totp-refused") });
  expect((await logIn("grace", now(secret))).status).toBe(200);
});

test("a recovery code stands in for the authenticator, once, however it is typed", async () => {
  const { token, recoveryCodes } = await withAuthenticator("linus");
  const [first = "", second = ""] = recoveryCodes;
  expect((await logIn("linus", { recovery_code: first.toUpperCase().replaceAll("-", " ") })).status).toBe(200);
  expect((await logIn("linus", { recovery_code: first })).status).toBe(401);
  const both = await Promise.all([second, second].map((code) => logIn("linus", { recovery_code: code })));
  expect(both.map(({ status }) => status).sort()).toEqual([200, 401]);
  expect((await people.ask("GET", "/auth/totp", { token })).body).toMatchObject({ recovery_codes_left: 8 });
  const stored: unknown = await people.db("recovery_code");
  for (const code of recoveryCodes) expect(JSON.stringify(stored)).not.toContain(code);
});

test("a wrong password is told from a wrong code by nobody who lacks the password", async () => {
  const { secret } = await withAuthenticator("quiet");
  const refused = { login: "quiet", password: "wrong-horse-1" };
  for (const more of [{}, now(secret), { totp_code: "000000" }]) {
    const reply = await people.ask("POST", "/auth/login", { body: { ...refused, ...more } });
    expect(reply.body).toMatchObject({ type: problem("login-refused") });
  }
});

test("who has the password and tries codes out is stopped after five, wherever they come from", async () => {
  const { id, secret } = await withAuthenticator("target");
  for (let times = 0; times < 5; times += 1) {
    expect((await logIn("target", { totp_code: "000000" })).body).toMatchObject({ type: problem("totp-refused") });
  }
  const locked = await logIn("target", now(secret));
  expect([locked.status, locked.headers.get("retry-after")]).toEqual([429, "900"]);
  people.passTime(15 * MINUTE_MS);
  expect((await logIn("target", now(secret))).status).toBe(200);
  const refusals: unknown = await people.db("audit_entry").where({ user_id: id, action: "totp.refuse" });
  expect(refusals).toHaveLength(5);
});

test("turning it off takes the password and a code, and the person hears of it", async () => {
  const { id, token, secret, recoveryCodes } = await withAuthenticator("done");
  await people.db("user").where({ id }).update({ email_verified_at: people.clock() });
  await people.work();
  const disable = (body: unknown) => people.ask("POST", "/auth/totp/disable", { token, body });
  expect((await disable({ password: "wrong-horse-1", ...now(secret) })).status).toBe(403);
  const missing = await disable({ password: PASSWORD });
  expect([missing.status, missing.body]).toMatchObject([422, { errors: [{ pointer: "/totp_code" }] }]);
  expect((await disable({ password: PASSWORD, totp_code: "000000" })).status).toBe(403);
  expect((await disable(now(secret))).body).toMatchObject({ errors: [{ pointer: "/password" }] });
  expect((await disable({ password: PASSWORD, ...now(secret) })).status).toBe(204);
  expect((await logIn("done")).status).toBe(200);
  expect((await disable({ password: PASSWORD, recovery_code: recoveryCodes[0] })).status).toBe(409);
  expect(await people.db("recovery_code").where({ user_id: id })).toHaveLength(0);
  expect((await people.work()).map((mail) => mail.content).join()).toContain("no code of an authenticator");
});

test("new recovery codes put the former out of use; an authenticator that is on is not replaced", async () => {
  const { token, secret, recoveryCodes } = await withAuthenticator("renewer");
  const body = { password: PASSWORD, ...now(secret) };
  const renewed = await people.ask("POST", "/auth/totp/recovery-codes", { token, body });
  const [fresh = ""] = codesSchema.parse(renewed.body).recovery_codes;
  expect((await logIn("renewer", { recovery_code: recoveryCodes[0] ?? "" })).status).toBe(401);
  expect((await logIn("renewer", { recovery_code: fresh })).status).toBe(200);
  expect((await people.ask("POST", "/auth/totp", { token, body: { password: PASSWORD } })).status).toBe(409);
});
