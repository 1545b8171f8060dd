import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { createSiweMessage, type SiweMessage } from "viem/siwe";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createTestPeople, PASSWORD, type TestPeople } from "../test-people.ts";

const MINUTE_MS = 60_000;

let people: TestPeople;
beforeAll(async () => {
  people = await createTestPeople();
});
afterAll(() => people.stop());

const nonceSchema = z.object({ nonce: z.string(), domain: z.string(), uri: z.string(), chain_id: z.int() });
const tokenSchema = z.object({ token: z.string() });
const newWallet = () => privateKeyToAccount(generatePrivateKey());

/** A message that is right, but for the changes, signed by the wallet. */
async function signed(wallet: PrivateKeyAccount, changes: Partial<SiweMessage> = {}) {
  const { nonce, domain, uri, chain_id } = nonceSchema.parse((await people.ask("POST", "/auth/siwe/nonce")).body);
  const fields: SiweMessage = {
    ...{ address: wallet.address, domain, uri, nonce, version: "1" as const, chainId: chain_id },
    ...{ issuedAt: people.clock(), statement: "Let me in.", ...changes },
  };
  return signText(wallet, createSiweMessage(fields));
}
const signText = async (wallet: PrivateKeyAccount, message: string) => ({
  message,
  signature: await wallet.signMessage({ message }),
});
const logIn = (body: unknown) => people.ask("POST", "/auth/siwe/login", { body });
const profileOf = async (reply: { body: unknown }) =>
  (await people.ask("GET", "/auth/profile", { token: tokenSchema.parse(reply.body).token })).body;

test("a wallet that nobody knows becomes a user with an account; the next time it is the same one", async () => {
  const wallet = newWallet();
  const first = await logIn(await signed(wallet));
  expect(first.status).toBe(200);
  const name = `eth-${wallet.address.slice(2, 10).toLowerCase()}`;
  const profile = await profileOf(first);
  expect(profile).toMatchObject({ username: name, email: null, email_verified: false });
  const { token } = tokenSchema.parse(first.body);
  expect((await people.ask("GET", "/auth/verify", { token })).body).toMatchObject({ account_role: "owner" });
  expect(await profileOf(await logIn(await signed(wallet)))).toEqual(profile);
  const sessions = await people.ask("GET", "/auth/sessions", { token });
  expect(sessions.body).toMatchObject({ data: [{ method: "ethereum" }, { method: "ethereum" }] });
});

test("a message without a statement, with limits and resources, is as good", async () => {
  const plain = await signed(newWallet(), { statement: undefined });
  expect((await logIn(plain)).status).toBe(200);
  const { clock } = people;
  const full = await signed(newWallet(), {
    expirationTime: new Date(clock().getTime() + MINUTE_MS),
    notBefore: clock(),
    requestId: "r-1",
    resources: ["https://cdn.example/terms", "ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/"],
  });
  expect((await logIn(full)).status).toBe(200);
  const wallet = newWallet();
  const { message } = await signed(wallet);
  const seconds = message.replace(".000Z", "Z").replace(wallet.address, wallet.address.toLowerCase());
  expect((await logIn(await signText(wallet, seconds))).status).toBe(200);
});

test.each([
  ["another domain", () => ({ domain: "evil.example" })],
  ["a domain that ends like ours", () => ({ domain: "not-cdn.example" })],
  ["another scheme", () => ({ scheme: "http" })],
  ["a URI elsewhere", () => ({ uri: "https://evil.example/" })],
  ["another chain", () => ({ chainId: 5 })],
  ["a nonce that we did not give", () => ({ nonce: "0123456789abcdef0123456789abcdef" })],
  ["its time over", () => ({ expirationTime: people.clock() })],
  ["its time not come", () => ({ notBefore: new Date(people.clock().getTime() + MINUTE_MS) })],
  ["an old date", () => ({ issuedAt: new Date(people.clock().getTime() - 11 * MINUTE_MS) })],
  ["a date to come", () => ({ issuedAt: new Date(people.clock().getTime() + 2 * MINUTE_MS) })],
])("a message with %s is refused", async (_what, changes) => {
  const reply = await logIn(await signed(newWallet(), changes()));
  expect([reply.status, reply.body]).toMatchObject([401, { errors: [{ pointer: "/message" }] }]);
});

test("a message of which something was changed, added or moved is refused", async () => {
  const wallet = newWallet();
  const { message, signature } = await signed(wallet);
  const tampered = await logIn({ message: message.replace("Let me in.", "Let me out."), signature });
  expect([tampered.status, tampered.body]).toMatchObject([401, { errors: [{ pointer: "/signature" }] }]);
  const foreign = await logIn({ message, signature: await newWallet().signMessage({ message }) });
  expect([foreign.status, foreign.body]).toMatchObject([401, { errors: [{ pointer: "/signature" }] }]);
  const past = new Date(people.clock().getTime() - MINUTE_MS).toISOString();
  for (const odd of [
    // A limit where the parser does not look for one.
    `${message}\nNot Before: ${past}\nExpiration Time: ${past}`,
    `${message}\nResources:\n- https://cdn.example\nExpiration Time: ${past}`,
    `${message}\n`,
    `x${message}`,
    message.replace("Version: 1", "Version: 2"),
    message.replace("Chain ID: 1", "Chain ID: one"),
    message.replace(/Issued At: .*/, "Issued At: yesterday"),
    "Let me in!",
  ]) {
    const reply = await logIn(await signText(wallet, odd));
    expect([odd, reply.status, reply.body]).toMatchObject([odd, 401, { errors: [{ pointer: "/message" }] }]);
  }
  // None of that has used the nonce up.
  expect((await logIn({ message, signature })).status).toBe(200);
});

test("a message counts once, also when it is shown twice at once", async () => {
  const wallet = newWallet();
  const body = await signed(wallet);
  const both = await Promise.all([logIn(body), logIn(body), logIn(body)]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  expect((await logIn(body)).status).toBe(401);
  expect(await people.db("identity").where({ subject: wallet.address.toLowerCase() })).toHaveLength(1);
});

test("two messages of a new wallet at once make one user", async () => {
  const wallet = newWallet();
  const bodies = [await signed(wallet), await signed(wallet)];
  const replies = await Promise.all(bodies.map(logIn));
  expect(replies.map(({ status }) => status)).toEqual([200, 200]);
  const [one, other] = await Promise.all(replies.map(profileOf));
  expect(one).toEqual(other);
});

test("a nonce ends after five minutes", async () => {
  const wallet = newWallet();
  const body = await signed(wallet, { issuedAt: new Date(people.clock().getTime() + MINUTE_MS) });
  people.passTime(5 * MINUTE_MS);
  expect((await logIn(body)).status).toBe(401);
});

test("a name that somebody has taken leaves a longer one", async () => {
  const wallet = newWallet();
  const digits = wallet.address.slice(2).toLowerCase();
  await people.register(`eth-${digits.slice(0, 8)}`);
  expect(await profileOf(await logIn(await signed(wallet)))).toMatchObject({ username: `eth-${digits.slice(0, 12)}` });
});

test("a person links a wallet with their password, logs in with it, and lets it go again", async () => {
  const { id, token } = await people.register("ada");
  const wallet = newWallet();
  const link = async (more: object, by = token) =>
    people.ask("POST", "/auth/siwe/link", { token: by, body: { ...(await signed(wallet)), ...more } });
  expect((await link({ password: "wrong-horse-1" })).status).toBe(403);
  const linked = await link({ password: PASSWORD });
  expect([linked.status, linked.body]).toMatchObject([201, { kind: "ethereum", subject: wallet.address }]);
  expect(await profileOf(await logIn(await signed(wallet)))).toMatchObject({ id, username: "ada" });

  const eve = await people.register("eve");
  expect((await link({ password: PASSWORD }, eve.token)).status).toBe(409);
  const { id: identity } = z.object({ id: z.uuid() }).parse(linked.body);
  const path = `/auth/identities/${identity}`;
  expect((await people.ask("DELETE", path, { token: eve.token })).status).toBe(404);
  expect((await people.ask("DELETE", path, { token })).status).toBe(204);
  expect((await people.ask("GET", "/auth/identities", { token })).body).toEqual({ data: [] });
  expect(await profileOf(await logIn(await signed(wallet)))).not.toMatchObject({ id });
});

test("the only way in cannot be removed before there is a password", async () => {
  const wallet = newWallet();
  const { token } = tokenSchema.parse((await logIn(await signed(wallet))).body);
  const { body } = await people.ask("GET", "/auth/identities", { token });
  const [identity] = z.object({ data: z.array(z.object({ id: z.uuid() })) }).parse(body).data;
  expect((await people.ask("DELETE", `/auth/identities/${identity?.id}`, { token })).status).toBe(409);
  const changed = await people.ask("POST", "/auth/change-password", {
    token,
    body: { new_password: "battery-2-staple" },
  });
  const fresh = tokenSchema.parse(changed.body).token;
  expect((await people.ask("DELETE", `/auth/identities/${identity?.id}`, { token: fresh })).status).toBe(204);
});

test("an authenticator is asked for here too, and the message is good again with its code", async () => {
  const wallet = newWallet();
  const { token } = tokenSchema.parse((await logIn(await signed(wallet))).body);
  const { body } = await people.ask("POST", "/auth/totp", { token, body: {} });
  const { otpauth_uri } = z.object({ otpauth_uri: z.string() }).parse(body);
  const { URI } = await import("otpauth");
  const authenticator = URI.parse(otpauth_uri);
  const code = () => {
    if (!("period" in authenticator)) throw new Error("not a time-based one");
    return { totp_code: authenticator.generate({ timestamp: people.clock().getTime() }) };
  };
  expect((await people.ask("POST", "/auth/totp/confirm", { token, body: code() })).status).toBe(200);
  people.passTime(30_000);
  const message = await signed(wallet);
  expect((await logIn(message)).body).toMatchObject({ type: "urn:edgewright:problem:totp-required" });
  expect((await logIn({ ...message, ...code() })).status).toBe(200);
});
