import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type AccountWorld, openAccountWorld, type Person } from "./test-world.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

let world: AccountWorld;
beforeAll(async () => {
  world = await openAccountWorld();
});
afterAll(() => world.stop());

const invitation = z.object({ id: z.uuid(), status: z.string() });
const page = z.object({ data: z.array(invitation), next_cursor: z.string().nullable() });

/** The mailed token, and the invitation's id. */
async function invite(as: Person, email: string, role = "editor"): Promise<{ id: string; token: string }> {
  const reply = await world.ask("POST", "/account/invitations", { as, body: { email, role } });
  expect(reply.status).toBe(201);
  // Or two of them would be equally new.
  world.passTime(1);
  return { id: invitation.parse(reply.body).id, token: world.mailedToken() };
}

function accept(as: Person, token: string) {
  return world.ask("POST", "/invitations/accept", { as, body: { token } });
}

async function statusesOf(owner: Person, filter = ""): Promise<readonly string[]> {
  const reply = await world.ask("GET", `/account/invitations${filter}`, { as: owner });
  return page.parse(reply.body).data.map(({ status }) => status);
}

test("an invited person gets a mail, accepts, and acts for the account from then on", async () => {
  const owner = await world.person("host");
  const { token } = await invite(owner, "Guest@example.com", "editor");
  const letter = world.letters.at(-1);
  expect(letter).toMatchObject({ to: "Guest@example.com", subject: "host invites you to host" });
  expect(letter?.paragraphs.join(" ")).toContain("as an editor");
  expect(letter?.paragraphs.join(" ")).toContain("until 2026-03-08");
  const guest = await world.person("guest");
  const accepted = await accept(guest, token);
  expect([accepted.status, accepted.body]).toMatchObject([200, { id: owner.accountId, name: "host", role: "editor" }]);
  expect((await world.ask("GET", "/account", { as: guest, account: owner.accountId })).status).toBe(200);
  expect(await statusesOf(owner)).toEqual(["accepted"]);
  expect(await world.deeds(owner.accountId)).toMatchObject([
    { action: "invitation.create", user_id: owner.userId },
    { action: "invitation.accept", user_id: guest.userId },
    { action: "member.add", user_id: guest.userId, resource_id: guest.userId, changes: [{ after: "editor" }] },
  ]);
});

test("the link of the mail shows what it is to, however often it is looked at; its button declines", async () => {
  const owner = await world.person("showing");
  await world.ask("PATCH", "/account", { as: owner, body: { name: "<b>Showing</b>" } });
  const { token } = await invite(owner, "shown@example.com", "viewer");
  await world.openMailedLink();
  const page = await world.openMailedLink();
  expect([page.status, page.html]).toEqual([200, expect.stringContaining(`<code>${token}</code>`)]);
  expect(page.html).toContain("showing invites you to work on &lt;b&gt;Showing&lt;/b&gt; as a viewer.");
  expect((await page.press()).html).toContain("You have declined");
  expect(await statusesOf(owner)).toEqual(["declined"]);
  const over = await world.openMailedLink();
  expect([over.status, over.html]).toEqual([404, expect.stringContaining("ask for another one")]);
});

test("the token is kept as a hash alone, and neither answers nor the log hold it", async () => {
  const owner = await world.person("discreet");
  const reply = await world.ask("POST", "/account/invitations", {
    as: owner,
    body: { email: "secret@example.com", role: "viewer" },
  });
  const token = world.mailedToken();
  expect(token).toMatch(/^[\w-]{43}$/);
  const rows = await world.db("invitation").where({ account_id: owner.accountId });
  expect(rows).toMatchObject([{ token_hash: createHash("sha256").update(token).digest("hex") }]);
  const kept = JSON.stringify([reply.body, rows, await world.deeds(owner.accountId)]);
  expect(kept).not.toContain(token);
  expect(JSON.stringify([reply.body, await world.deeds(owner.accountId)])).not.toContain(rows[0].token_hash);
});

test("a token is good once, for whoever comes first", async () => {
  const owner = await world.person("single");
  const { token } = await invite(owner, "single-guest@example.com");
  const people = await Promise.all([1, 2, 3].map((number) => world.person(`single-${number}`)));
  const replies = await Promise.all(people.map((person) => accept(person, token)));
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 404, 404]);
});

test("unknown, expired, revoked, declined and used tokens get one and the same answer", async () => {
  const owner = await world.person("uniform");
  const guest = await world.person("uniform-guest");
  const expired = await invite(owner, "expired@example.com");
  world.passTime(7 * DAY_MS);
  const revoked = await invite(owner, "revoked@example.com");
  expect((await world.ask("DELETE", `/account/invitations/${revoked.id}`, { as: owner })).status).toBe(204);
  const declined = await invite(owner, "declined@example.com");
  const decline = () => world.ask("POST", "/invitations/decline", { as: guest, body: { token: declined.token } });
  expect([(await decline()).status, (await decline()).status]).toEqual([204, 404]);
  const used = await invite(owner, "used@example.com");
  expect((await accept(await world.person("uniform-other"), used.token)).status).toBe(200);
  const answers = await Promise.all(
    [randomUUID(), expired.token, revoked.token, declined.token, used.token].map((token) => accept(guest, token)),
  );
  const said = answers.map(({ body }) => z.object({ status: z.literal(404), detail: z.string() }).parse(body));
  expect(new Set(said.map(({ detail }) => detail)).size).toBe(1);
  expect(await statusesOf(owner)).toEqual(["accepted", "declined", "revoked", "expired"]);
  expect(await statusesOf(owner, "?status=expired")).toEqual(["expired"]);
  expect(await statusesOf(owner, "?status=pending")).toEqual([]);
  expect((await world.deeds(owner.accountId)).filter(({ action }) => action === "invitation.decline")).toMatchObject([
    { user_id: null, client_address: "127.0.0.1" },
  ]);
});

test("a member is not invited again, nor anybody twice; an expired invitation makes room", async () => {
  const owner = await world.person("tidy");
  await world.member(owner.accountId, "tidy-member", "viewer");
  const again = (email: string) =>
    world.ask("POST", "/account/invitations", { as: owner, body: { email, role: "viewer" } });
  expect(await again("TIDY-member@example.com")).toMatchObject({
    status: 409,
    body: { type: "urn:edgewright:problem:already-member", errors: [{ pointer: "/email" }] },
  });
  await invite(owner, "twice@example.com");
  expect(await again("Twice@Example.com")).toMatchObject({
    status: 409,
    body: { type: "urn:edgewright:problem:already-invited", errors: [{ pointer: "/email" }] },
  });
  world.passTime(7 * DAY_MS);
  await invite(owner, "twice@example.com");
  expect(await statusesOf(owner)).toEqual(["pending", "expired"]);
});

test("who belongs to the account already does not use up the invitation of somebody else", async () => {
  const owner = await world.person("keeping");
  const { token } = await invite(owner, "keeping-guest@example.com", "owner");
  expect((await accept(owner, token)).status).toBe(409);
  expect((await accept(await world.person("keeping-guest"), token)).status).toBe(200);
});

test("an invitation sent again has a new link and a new week, and the former link ends", async () => {
  const owner = await world.person("patient");
  const { id, token } = await invite(owner, "patient-guest@example.com");
  const resend = () => world.ask("POST", `/account/invitations/${id}/resend`, { as: owner });
  const tooSoon = await resend();
  expect([tooSoon.status, tooSoon.headers.get("retry-after")]).toEqual([429, "60"]);
  world.passTime(8 * DAY_MS);
  const resent = await resend();
  expect([resent.status, resent.body]).toMatchObject([200, { status: "pending" }]);
  const guest = await world.person("patient-guest");
  expect((await accept(guest, token)).status).toBe(404);
  expect((await accept(guest, world.mailedToken())).status).toBe(200);
  expect((await resend()).status).toBe(404);
});

test("mail to people who never asked for it has its end: five times an address, a hundred a day", async () => {
  const owner = await world.person("loud");
  const { id } = await invite(owner, "loud-guest@example.com");
  const statuses: number[] = [];
  for (let mail = 0; mail < 5; mail++) {
    world.passTime(MINUTE_MS);
    statuses.push((await world.ask("POST", `/account/invitations/${id}/resend`, { as: owner })).status);
  }
  expect(statuses).toEqual([200, 200, 200, 200, 429]);
  for (let number = 1; number < 100; number++) await invite(owner, `loud-${number}@example.com`);
  const body = { email: "loud-100@example.com", role: "viewer" };
  const refused = await world.ask("POST", "/account/invitations", { as: owner, body });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "86400"]);
  world.passTime(DAY_MS);
  await invite(owner, "loud-100@example.com");
});

test("only owners invite owners, and touch the invitations of owners", async () => {
  const owner = await world.person("grand");
  const admin = await world.member(owner.accountId, "grand-admin", "admin");
  const asked = { as: admin, account: owner.accountId };
  const body = { email: "grand-guest@example.com", role: "owner" };
  expect((await world.ask("POST", "/account/invitations", { ...asked, body })).status).toBe(403);
  const { id } = await invite(owner, "grand-guest@example.com", "owner");
  expect((await world.ask("DELETE", `/account/invitations/${id}`, asked)).status).toBe(403);
  expect((await world.ask("POST", `/account/invitations/${id}/resend`, asked)).status).toBe(403);
});

test("what somebody has given out ends with their right to give it", async () => {
  const owner = await world.person("revoking");
  const [second, admin] = [
    await world.member(owner.accountId, "revoking-owner", "owner"),
    await world.member(owner.accountId, "revoking-admin", "admin"),
  ];
  const inviteAs = async (as: Person, email: string, role: string) => {
    const body = { email, role };
    const reply = await world.ask("POST", "/account/invitations", { as, account: owner.accountId, body });
    expect(reply.status).toBe(201);
    return { email, token: world.mailedToken() };
  };
  const asOwner = await inviteAs(second, "as-owner@example.com", "owner");
  const asAdmin = await inviteAs(second, "as-admin@example.com", "admin");
  const asViewer = await inviteAs(admin, "as-viewer@example.com", "viewer");
  const member = (person: Person) => `/account/members/${person.userId}`;
  await world.ask("PATCH", member(second), { as: owner, body: { role: "admin" } });
  await world.ask("DELETE", member(admin), { as: owner });
  const guest = await world.person("revoking-guest");
  expect((await accept(guest, asOwner.token)).status).toBe(404);
  expect((await accept(guest, asViewer.token)).status).toBe(404);
  expect((await accept(guest, asAdmin.token)).status).toBe(200);
});

test("invitations of another account do not exist", async () => {
  const [owner, stranger] = [await world.person("ours"), await world.person("theirs")];
  const { id } = await invite(owner, "ours-guest@example.com");
  expect((await world.ask("DELETE", `/account/invitations/${id}`, { as: stranger })).status).toBe(404);
  expect((await world.ask("POST", `/account/invitations/${id}/resend`, { as: stranger })).status).toBe(404);
  expect(await statusesOf(stranger)).toEqual([]);
  expect(await statusesOf(owner)).toEqual(["pending"]);
});

test("an address or a role that is none is refused with its name", async () => {
  const owner = await world.person("precise");
  const reply = await world.ask("POST", "/account/invitations", { as: owner, body: { email: "nobody", role: "king" } });
  expect([reply.status, reply.body]).toMatchObject([422, { errors: [{ pointer: "/email" }, { pointer: "/role" }] }]);
});

test("an international address is kept in ASCII, so that one mailbox is invited once", async () => {
  const owner = await world.person("worldly");
  await invite(owner, "ada@Bücher.example");
  expect(world.letters.at(-1)?.to).toBe("ada@xn--bcher-kva.example");
  const body = { email: "ada@xn--bcher-kva.example", role: "viewer" };
  expect((await world.ask("POST", "/account/invitations", { as: owner, body })).status).toBe(409);
});
