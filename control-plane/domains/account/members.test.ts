import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { guardCommits } from "../../database/transaction.ts";
import { accountRoles, type Caller } from "../../http/caller.ts";
import { mayManage } from "./rules.ts";
import { type AccountWorld, openAccountWorld, type Person } from "./test-world.ts";

let world: AccountWorld;
const madeStale: string[] = [];
beforeAll(async () => {
  world = await openAccountWorld();
  guardCommits(world.db, async (_tx, stale) => {
    madeStale.push(...stale);
    return async () => {};
  });
});
afterAll(() => world.stop());

const page = z.object({
  data: z.array(z.object({ user_id: z.uuid(), username: z.string(), role: z.string() })),
  next_cursor: z.string().nullable(),
});

async function rolesOf(owner: Person): Promise<Record<string, string>> {
  const rows = await world.db("membership").where({ account_id: owner.accountId });
  return Object.fromEntries(rows.map(({ user_id, role }) => [user_id, role]));
}

function changeRole(as: Person, account: string, userId: string, role: string) {
  return world.ask("PATCH", `/account/members/${userId}`, { as, account, body: { role } });
}

function remove(as: Person, account: string, userId: string) {
  return world.ask("DELETE", `/account/members/${userId}`, { as, account });
}

test("owners manage everybody, admins everybody but owners, others nobody", () => {
  for (const role of accountRoles) {
    expect(mayManage("owner", role)).toBe(true);
    expect(mayManage("admin", role)).toBe(role !== "owner");
    expect(mayManage("editor", role)).toBe(false);
    expect(mayManage("viewer", role)).toBe(false);
  }
});

test("members are listed a page at a time, with their names, to all of them and to nobody else", async () => {
  const owner = await world.person("listing");
  const viewer = await world.member(owner.accountId, "listing-viewer", "viewer");
  await world.member(owner.accountId, "listing-editor", "editor");
  const seen: string[] = [];
  let cursor = "";
  do {
    const path = `/account/members?limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`;
    const listed = page.parse((await world.ask("GET", path, { as: viewer, account: owner.accountId })).body);
    seen.push(...listed.data.map((member) => `${member.username} ${member.role}`));
    cursor = listed.next_cursor ?? "";
  } while (cursor !== "");
  expect(seen.sort()).toEqual(["listing owner", "listing-editor editor", "listing-viewer viewer"]);
  const stranger = await world.person("listing-stranger");
  const asked = await world.ask("GET", "/account/members", { as: stranger, account: owner.accountId });
  expect(asked.status).toBe(403);
});

test("an admin makes an editor of a viewer, and the log says so", async () => {
  const owner = await world.person("managing");
  const admin = await world.member(owner.accountId, "managing-admin", "admin");
  const viewer = await world.member(owner.accountId, "managing-viewer", "viewer");
  const changed = await changeRole(admin, owner.accountId, viewer.userId, "editor");
  expect([changed.status, changed.body]).toMatchObject([
    200,
    { user_id: viewer.userId, username: "managing-viewer", email: viewer.email, role: "editor" },
  ]);
  await changeRole(admin, owner.accountId, viewer.userId, "editor");
  expect(await world.deeds(owner.accountId)).toMatchObject([
    {
      action: "member.update",
      user_id: admin.userId,
      resource_id: viewer.userId,
      changes: [{ pointer: "/role", before: "viewer", after: "editor" }],
    },
  ]);
});

test("an admin neither makes nor unmakes nor removes an owner, nor becomes one", async () => {
  const owner = await world.person("untouchable");
  const admin = await world.member(owner.accountId, "climbing", "admin");
  const before = await rolesOf(owner);
  for (const [userId, role] of [
    [owner.userId, "viewer"],
    [owner.userId, "owner"],
    [admin.userId, "owner"],
  ] as const) {
    expect((await changeRole(admin, owner.accountId, userId, role)).status).toBe(403);
  }
  expect((await remove(admin, owner.accountId, owner.userId)).status).toBe(403);
  expect(await rolesOf(owner)).toEqual(before);
});

test("editors and viewers change and remove nobody, themselves excepted, and learn nothing of who belongs", async () => {
  const owner = await world.person("calm");
  for (const role of ["editor", "viewer"] as const) {
    const as = await world.member(owner.accountId, `calm-${role}`, role);
    expect((await changeRole(as, owner.accountId, as.userId, "admin")).status).toBe(403);
    expect((await remove(as, owner.accountId, owner.userId)).status).toBe(403);
    expect((await remove(as, owner.accountId, randomUUID())).status).toBe(403);
    expect((await remove(as, owner.accountId, as.userId)).status).toBe(204);
  }
  expect((await world.deeds(owner.accountId)).map(({ action }) => action)).toEqual(["member.leave", "member.leave"]);
});

test("who is removed has no access from the next request on, and every process hears of it", async () => {
  const owner = await world.person("strict");
  const leaving = await world.member(owner.accountId, "strict-editor", "editor");
  const asked = { as: leaving, account: owner.accountId };
  expect((await world.ask("GET", "/account", asked)).status).toBe(200);
  madeStale.length = 0;
  expect((await remove(owner, owner.accountId, leaving.userId)).status).toBe(204);
  expect(madeStale).toEqual([`memberships:${leaving.userId}`]);
  expect((await world.ask("GET", "/account", asked)).status).toBe(403);
  expect(await world.deeds(owner.accountId)).toMatchObject([
    { action: "member.remove", resource_id: leaving.userId, changes: [{ pointer: "/role", before: "editor" }] },
  ]);
});

test("an account keeps an owner: the last one neither leaves nor becomes less", async () => {
  const owner = await world.person("last");
  await world.member(owner.accountId, "last-admin", "admin");
  for (const reply of [
    await remove(owner, owner.accountId, owner.userId),
    await changeRole(owner, owner.accountId, owner.userId, "admin"),
  ]) {
    expect([reply.status, reply.body]).toMatchObject([409, { type: "urn:edgewright:problem:last-owner" }]);
  }
});

test("of owners who unmake each other and leave at the same time, one stays", async () => {
  for (let round = 0; round < 5; round++) {
    const first = await world.person(`first-${round}`);
    const others = await Promise.all(
      [1, 2].map((number) => world.member(first.accountId, `other-${round}-${number}`, "owner")),
    );
    const owners = [first, ...others];
    const replies = await Promise.all(
      owners.flatMap((owner, index) => [
        changeRole(owner, first.accountId, owners[(index + 1) % owners.length]?.userId ?? "", "viewer"),
        remove(owner, first.accountId, owner.userId),
      ]),
    );
    expect(replies.map(({ status }) => status).every((status) => [200, 204, 403, 404, 409].includes(status))).toBe(
      true,
    );
    expect(Object.values(await rolesOf(first)).filter((role) => role === "owner").length).toBeGreaterThanOrEqual(1);
  }
});

test("what a caller may do is read anew: whoever was just demoted changes nobody", async () => {
  const owner = await world.person("slow");
  const admin = await world.member(owner.accountId, "slow-admin", "admin");
  const viewer = await world.member(owner.accountId, "slow-viewer", "viewer");
  const stale: Caller = {
    ...{ userId: admin.userId, accountId: owner.accountId, accountRole: "admin", platformRole: "user" },
    ...{ scopes: "all", apiTokenId: null, requestId: null, clientAddress: null },
  };
  await changeRole(owner, owner.accountId, admin.userId, "viewer");
  await expect(world.members.changeRole(stale, viewer.userId, "admin")).rejects.toMatchObject({
    kind: { status: 403 },
  });
  await expect(world.members.remove(stale, viewer.userId)).rejects.toMatchObject({ kind: { status: 403 } });
});

test("somebody who does not belong to the account is a 404, whether they exist or not", async () => {
  const owner = await world.person("alone");
  const stranger = await world.person("alone-stranger");
  for (const userId of [stranger.userId, randomUUID()]) {
    expect((await changeRole(owner, owner.accountId, userId, "editor")).status).toBe(404);
    expect((await remove(owner, owner.accountId, userId)).status).toBe(404);
  }
  expect((await changeRole(owner, owner.accountId, stranger.userId, "king")).status).toBe(422);
});
