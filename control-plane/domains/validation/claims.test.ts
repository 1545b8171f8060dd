// Whose a name is, and what becomes of one that goes away.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { inTransaction } from "../../database/transaction.ts";
import { settle } from "./settle.ts";
import { checkIn, EDGE, startWorld, type World, ZONE } from "./test-world.ts";

let world: World;
let name: string;

const signal = new AbortController().signal;
const DAY_MS = 24 * 60 * 60_000;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.stop());
beforeEach(() => {
  name = world.newName();
});
afterEach(() => world.recover());

describe("two accounts that claim one name", () => {
  test("a token moves it; the loser has failed, is told so, and learns nothing of the other", async () => {
    const [first, second] = [await world.create("owner"), await world.create("stranger")];
    const waiting = await world.lookAndRead("stranger", second.id);
    expect(waiting).toMatchObject({ status: "not_served", is_serving: false, renewal: "stopped" });
    const txt = { type: "TXT", name: `_edgewright.${name}`, value: await world.tokenOf("stranger") };
    expect(checkIn(waiting, "ownership").records_to_add).toEqual([{ type: "CNAME", name, value: second.cname }, txt]);
    world.set(txt.name, "TXT", "v=spf1 -all", txt.value);
    expect(await world.lookAndRead("stranger", second.id)).toMatchObject({ is_serving: true, proof: "token" });
    expect(await world.distributionOf("stranger", second.id)).toMatchObject({ status: "pending", status_reason: null });
    const lost = await world.read("owner", first.id);
    expect(lost).toMatchObject({ status: "not_served", is_cname_valid: false, renewal: "stopped" });
    const loser = await world.distributionOf("owner", first.id);
    expect(loser).toMatchObject({ status: "failed", status_reason: expect.stringContaining("another account") });
    const letters = await world.told("domain.lost");
    expect(letters).toMatchObject([{ account_id: world.api.people.owner.accountId }]);
    expect(await world.told("domain.won")).toMatchObject([{ account_id: world.api.people.stranger.accountId }]);
    const audit = await world.db("audit_entry").where({ account_id: world.api.people.owner.accountId });
    const all = JSON.stringify([lost, loser, letters, audit]);
    for (const other of [world.api.people.stranger.accountId, second.id, second.cname]) {
      expect(all).not.toContain(other);
    }
  });

  test("a CNAME to one's own target beats a token; of two tokens who serves stays, however often one looks", async () => {
    const [first, second] = [await world.create("owner"), await world.create("stranger")];
    const text = `_edgewright.${name}`;
    world.set(text, "TXT", await world.tokenOf("owner"));
    await world.lookAndRead("owner", first.id);
    world.set(text, "TXT", await world.tokenOf("owner"), await world.tokenOf("stranger"));
    for (let round = 0; round < 3; round += 1)
      expect((await world.lookAndRead("owner", first.id)).is_serving).toBe(true);
    expect(checkIn(await world.read("stranger", second.id), "ownership").detail).toContain("proof as good or better");

    world.set(name, "CNAME", second.cname);
    for (let round = 0; round < 3; round += 1)
      expect((await world.lookAndRead("stranger", second.id)).is_serving).toBe(true);
    // Its own target proves more than a token that still stands.
    world.set(name, "CNAME");
    for (let round = 0; round < 3; round += 1)
      expect((await world.lookAndRead("stranger", second.id)).is_serving).toBe(true);
    expect(await world.told("domain.lost")).toHaveLength(1);
    world.set(text, "TXT", await world.tokenOf("owner"));
    expect((await world.lookAndRead("owner", first.id)).is_serving).toBe(true);
    expect(await world.distributionOf("owner", first.id)).toMatchObject({ status: "pending" });
  });

  test("to lead to the edges proves nothing: any account's names do", async () => {
    const [first, second] = [await world.create("owner"), await world.create("stranger")];
    world.set(name, "A", EDGE);
    world.set(first.cname, "A", EDGE);
    world.set(second.cname, "A", EDGE);
    expect(await world.lookAndRead("owner", first.id)).toMatchObject({ is_serving: true, is_cname_valid: true });
    expect(await world.read("stranger", second.id)).toMatchObject({ is_serving: false, is_cname_valid: false });
  });

  test("looks at the same time, and one that ends late, leave it with one alone", async () => {
    const [first, second] = [await world.create("owner"), await world.create("stranger")];
    world.set(name, "CNAME", second.cname);
    await Promise.all(Array.from({ length: 6 }, () => world.look.look(name, signal)));
    expect(await world.db("domain").where({ name, is_serving: true })).toHaveLength(1);
    expect((await world.read("stranger", second.id)).is_serving).toBe(true);
    expect(await world.told("domain.lost")).toHaveLength(1);

    // What was seen before is slow to come in, and a newer look has been meanwhile.
    world.set(name, "CNAME", first.cname);
    const old = await world.look.see(name, [first.cname, second.cname], signal);
    world.outside.aheadMs += 1_000;
    world.set(name, "CNAME", second.cname);
    await world.look.look(name, signal);
    const settings = { zone: ZONE, tokenOf: (await world.secrets()).tokenOf };
    await inTransaction(world.db, (tx) => settle(tx, settings, old, world.clock()));
    expect((await world.read("stranger", second.id)).is_serving).toBe(true);
    await inTransaction(world.db, async (tx) => {
      const newer = { ...old, observation: { ...old.observation, at: world.clock() } };
      await settle(tx, settings, newer, world.clock());
    });
    expect((await world.read("owner", first.id)).is_serving).toBe(true);
  });

  test("a name goes to none while the distribution that has it is on its way out", async () => {
    const [first, second] = [await world.create("owner"), await world.create("stranger")];
    await world.api.call("owner", "DELETE", `/distributions/${first.id}`);
    world.set(name, "CNAME", second.cname);
    expect(await world.lookAndRead("stranger", second.id)).toMatchObject({ is_serving: false, proof: "cname" });
  });

  test("who has proven a wildcard gets the names below it back, but for those that are proven themselves", async () => {
    const squatted = await world.create("stranger");
    const proven = await world.create("stranger", name.replace("www", "own"));
    const wildcard = name.replace("www", "*");
    const { id, cname } = await world.create("owner", wildcard);
    world.set(wildcard, "CNAME", cname);
    world.set(name.replace("www", "own"), "CNAME", proven.cname);
    await world.lookAndRead("owner", id, wildcard);
    expect((await world.lookAndRead("stranger", squatted.id)).is_serving).toBe(false);
    expect((await world.lookAndRead("stranger", proven.id, name.replace("www", "own"))).is_serving).toBe(true);
  });
});

describe("a name that goes away", () => {
  async function pointed() {
    const distribution = await world.create("owner");
    world.set(name, "CNAME", distribution.cname);
    world.set(distribution.cname, "A", EDGE);
    await world.lookAndRead("owner", distribution.id);
    return distribution;
  }

  test("is warned of once, then not renewed, is served all the time, and goes on when it is back", async () => {
    const { id, cname } = await pointed();
    world.set(name, "CNAME", "elsewhere.example.net");
    expect(await world.lookAndRead("owner", id)).toMatchObject({ away_since: expect.any(String), renewal: "allowed" });
    expect(await world.told("domain.not-pointing")).toEqual([]);
    for (const days of [1, 3]) {
      world.outside.aheadMs += days * DAY_MS;
      await world.lookAndRead("owner", id);
      expect(await world.told("domain.not-pointing")).toHaveLength(1);
    }
    const owner = world.api.people.owner.accountId;
    expect(await world.precheck({ accountId: owner, name }, signal)).toMatchObject({ ok: false, isStopped: false });
    world.outside.aheadMs += 3 * DAY_MS;
    expect(await world.lookAndRead("owner", id)).toMatchObject({ renewal: "stopped", is_serving: true });
    expect(await world.precheck({ accountId: owner, name }, signal)).toMatchObject({
      ...{ ok: false, isStopped: true, reason: expect.stringContaining("7 days") },
    });
    expect(await world.db("domain").where({ name, is_serving: true })).toHaveLength(1);

    const stopped = await insertCertificate(owner, name, { status: "active" });
    const others = [
      await insertCertificate(owner, name, { status: "active", renew_at: new Date("2099-01-01") }),
      await insertCertificate(owner, name, { status: "revoked" }),
    ];
    world.set(name, "CNAME", cname);
    expect(await world.lookAndRead("owner", id)).toMatchObject({
      status: "valid",
      renewal: "allowed",
      away_since: null,
    });
    expect(await world.told("domain.pointing")).toHaveLength(1);
    const wanted = await world.jobs("certificate.wanted");
    expect(wanted).toContainEqual({ certificate_id: stopped });
    for (const id of others) expect(wanted).not.toContainEqual({ certificate_id: id });
    expect(await world.precheck({ accountId: owner, name }, signal)).toEqual({ ok: true });
  });

  test("a certificate that waits for its name is wanted once it leads here, and not again", async () => {
    const distribution = await world.create("owner");
    const certificate = await insertCertificate(world.api.people.owner.accountId, name);
    const foreign = await insertCertificate(world.api.people.stranger.accountId, name);
    const wanted = async (id: string) =>
      (await world.jobs("certificate.wanted")).filter((job) => job.certificate_id === id);
    await world.lookAndRead("owner", distribution.id);
    expect(await wanted(certificate)).toHaveLength(0);
    world.set(name, "CNAME", distribution.cname);
    world.set(distribution.cname, "A", EDGE);
    await world.lookAndRead("owner", distribution.id);
    await world.lookAndRead("owner", distribution.id);
    expect(await wanted(certificate)).toHaveLength(1);
    expect(await wanted(foreign)).toHaveLength(0);
  });

  test("before an authority is asked, a name must lead here and be served for whoever asks", async () => {
    await pointed();
    const { owner, stranger } = world.api.people;
    expect(await world.precheck({ accountId: owner.accountId, name }, signal)).toEqual({ ok: true });
    expect(await world.precheck({ accountId: stranger.accountId, name }, signal)).toMatchObject({
      ...{ ok: false, isStopped: true, reason: expect.stringContaining("another account") },
    });
    expect(await world.precheck({ accountId: null, name: ZONE }, signal)).toEqual({ ok: true });
    const nowhere = await world.precheck({ accountId: owner.accountId, name: `no.${name}` }, signal);
    expect(nowhere).toMatchObject({ ok: false, isStopped: false, reason: expect.stringContaining("no address") });
  });

  test("nor is an authority asked for a name that leads to another account's target, claimed by whom it may be", async () => {
    const victim = await world.create("stranger");
    const wildcard = name.replace("www", "*");
    const { owner, stranger } = world.api.people;
    const below = name.replace("www", "below");
    world.set(victim.cname, "A", EDGE);
    world.set(below, "CNAME", victim.cname);
    // Nobody has looked since the victim proved its name, and nobody claims the one below.
    await world.create("owner", wildcard);
    world.set(name, "CNAME", victim.cname);
    expect(await world.precheck({ accountId: owner.accountId, name: below }, signal)).toMatchObject({
      ...{ ok: false, isStopped: false, reason: expect.stringContaining("not yours") },
    });
    expect(await world.precheck({ accountId: owner.accountId, name }, signal)).toMatchObject({ ok: false });
    expect(await world.precheck({ accountId: stranger.accountId, name }, signal)).toEqual({ ok: true });

    // One that was first at the very name loses it in the look before the authority is asked.
    const contested = name.replace("www", "contested");
    await world.create("owner", contested);
    const proven = await world.create("stranger", contested);
    world.set(contested, "CNAME", proven.cname);
    world.set(proven.cname, "A", EDGE);
    expect(await world.precheck({ accountId: owner.accountId, name: contested }, signal)).toMatchObject({
      ...{ ok: false, isStopped: true, reason: expect.stringContaining("another account") },
    });
    expect(await world.precheck({ accountId: stranger.accountId, name: contested }, signal)).toEqual({ ok: true });
  });

  async function insertCertificate(accountId: string, forName: string, more: object = {}): Promise<string> {
    const id = crypto.randomUUID();
    const now = new Date();
    await world.db("certificate").insert({
      ...{ id, account_id: accountId, name: forName, names: JSON.stringify([forName]), is_automatic: true },
      ...{ key_type: "ecdsa", status: "pending", version: 0, created_at: now, updated_at: now },
      ...more,
    });
    return id;
  }
});
