import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { inTransaction } from "../../database/transaction.ts";
import { idIn } from "../distribution/test-api.ts";
import { validationReply } from "./schema.ts";
import { settle } from "./settle.ts";
import { EDGE, ELSEWHERE, startWorld, type World, ZONE } from "./test-world.ts";

let world: World;
let names = 0;
let name: string;

const signal = new AbortController().signal;
const DAY_MS = 24 * 60 * 60_000;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.stop());
beforeEach(() => {
  names += 1;
  name = `www.shop${names}.example.com`;
});
afterEach(() => {
  Object.assign(world.outside, { allowPrivate: true, edgeSays: undefined });
  for (const dns of world.dns) dns.mode = "answers";
});

type Who = "owner" | "stranger";
const created = z.looseObject({ id: z.uuid(), cname: z.string() });

async function create(who: Who, domain = name, more: object = {}) {
  const body = { domain, origin: { url: "http://127.0.0.1:9000" }, ...more };
  return created.parse((await world.api.call(who, "POST", "/distributions", body)).body);
}

const distributionOf = async (who: Who, id: string) =>
  z
    .looseObject({ status: z.string(), status_reason: z.string().nullable(), is_cname_valid: z.boolean() })
    .parse((await world.api.call(who, "GET", `/distributions/${id}`)).body);

async function read(who: Who, id: string) {
  return validationReply.parse((await world.api.call(who, "GET", `/distributions/${id}/validation`)).body);
}

/** A look, as the schedule does it, and what it leaves to be read. */
async function look(who: Who, id: string, domain = name) {
  await world.look.look(domain, signal);
  return read(who, id);
}

async function tokenOf(who: Who, domain = name): Promise<string> {
  const { tokenOf: make } = await world.secrets();
  return `edgewright-verify=${make(world.api.people[who].accountId, domain)}`;
}

const checkIn = ({ checks }: z.output<typeof validationReply>, wanted: "pointing" | "ownership" | "acme") => {
  const check = checks.find((one) => one.check === wanted);
  if (check === undefined) throw new Error(`there is no check ${wanted}`);
  return check;
};

const jobs = async (job: string) => (await world.db("outbox").where({ job })).map(({ payload }) => payload);
const told = async (event: string, domain = name) =>
  (await world.db("notification").where({ event })).filter(({ subject }) => subject.startsWith(`${domain} `));

describe("a domain", () => {
  test("that leads here by its CNAME is valid, and the distribution says so", async () => {
    const { id, cname } = await create("owner");
    world.set(name, "CNAME", cname);
    world.set(cname, "A", EDGE);
    const validation = await look("owner", id);
    expect(validation).toMatchObject({
      ...{ status: "valid", is_cname_valid: true, is_acme_challenge_valid: true, is_serving: true, proof: "cname" },
      ...{ renewal: "allowed", away_since: null, pointing_since: expect.any(String) },
      // Not that one is issued: CAA records may forbid it.
      detail: expect.stringMatching(/leads here, and a certificate authority gets its answer\.$/),
    });
    expect(validation.checks.map(({ status }) => status)).toEqual(["passed", "passed", "passed"]);
    expect(validation.checks.flatMap(({ records_to_add: records }) => records)).toEqual([]);
    expect(await distributionOf("owner", id)).toMatchObject({ is_cname_valid: true, is_acme_challenge_valid: true });
    const wait = new Date(validation.next_check_at ?? 0).getTime() - world.clock().getTime();
    expect(wait).toBeGreaterThan(DAY_MS - 60_000);
  });

  test("with no record is told the one to add, and what every resolver said", async () => {
    const { id, cname } = await create("owner");
    const validation = await look("owner", id);
    expect(validation).toMatchObject({ status: "not_pointing", is_cname_valid: false });
    const pointing = checkIn(validation, "pointing");
    expect(pointing).toMatchObject({ status: "failed", detail: `There is no record of ${name}: add it.` });
    expect(pointing.expected).toContain(`CNAME ${cname}`);
    expect(pointing.records_to_add).toEqual([{ type: "CNAME", name, value: cname }]);
    for (const { server } of world.dns) {
      expect(pointing.found).toContainEqual({ at: server, type: "CNAME", name, values: [], fault: null });
    }
  });

  test("is told its records before anybody has looked", async () => {
    const { id, cname } = await create("owner");
    const validation = await read("owner", id);
    expect(validation).toMatchObject({ status: "unknown", checked_at: null });
    expect(checkIn(validation, "pointing").records_to_add).toEqual([{ type: "CNAME", name, value: cname }]);
    expect(checkIn(validation, "ownership").records_to_add).toEqual([
      { type: "TXT", name: `_edgewright.${name}`, value: await tokenOf("owner") },
    ]);
  });

  test("at the top of a zone is told the addresses of the edges, and is valid with all of them and none else", async () => {
    const apex = `shop${names}.example`;
    const { id, cname } = await create("owner", apex);
    world.set(cname, "A", EDGE);
    const before = checkIn(await look("owner", id, apex), "pointing");
    expect(before.records_to_add).toEqual([{ type: "A", name: apex, value: EDGE }]);
    world.set(apex, "A", EDGE, ELSEWHERE);
    const half = await look("owner", id, apex);
    expect(half.status).toBe("not_pointing");
    expect(checkIn(half, "pointing").detail).toContain(ELSEWHERE);
    world.set(apex, "A", EDGE);
    expect(await look("owner", id, apex)).toMatchObject({ status: "valid", proof: "none" });
  });

  test("at the top of its zone leads here by its token, too, where an edge answers at addresses that nobody knows", async () => {
    const apex = `alias${names}.example`;
    const { id } = await create("owner", apex);
    world.set(apex, "A", EDGE);
    const before = await look("owner", id, apex);
    expect(before).toMatchObject({ status: "not_pointing", is_cname_valid: false });
    const token = await tokenOf("owner", apex);
    expect(checkIn(before, "pointing").expected.at(-1)).toContain(`TXT ${token} at _edgewright.${apex}`);
    world.set(`_edgewright.${apex}`, "TXT", token);
    expect(await look("owner", id, apex)).toMatchObject({ status: "valid", is_cname_valid: true, proof: "token" });
    world.set(apex, "A", EDGE, ELSEWHERE);
    expect(await look("owner", id, apex)).toMatchObject({ status: "not_pointing", is_cname_valid: false });
  });

  test("with a CNAME over another name, and one in Unicode, lead here all the same", async () => {
    const unicode = `bücher${names}.example.org`;
    const { id, cname } = await create("owner", unicode);
    const { domain } = await read("owner", id);
    expect(domain).toMatch(/^xn--/);
    world.set(domain, "CNAME", `alias${names}.example.net`);
    world.set(`alias${names}.example.net`, "CNAME", cname);
    world.set(cname, "A", EDGE);
    const validation = await look("owner", id, domain);
    expect(validation).toMatchObject({ status: "valid", proof: "cname" });
    expect(checkIn(validation, "pointing").found[0]?.values).toEqual([`alias${names}.example.net`, cname]);
  });

  test("that leads here while somebody else answers there is unreachable; a redirect is not followed", async () => {
    const { id, cname } = await create("owner");
    world.set(name, "CNAME", cname);
    world.set(cname, "A", EDGE);
    world.requests.length = 0;
    world.outside.edgeSays = { status: 302, headers: { location: `http://${ELSEWHERE}/secret` }, text: "" };
    const validation = await look("owner", id);
    expect(validation).toMatchObject({ status: "unreachable", is_cname_valid: true, is_acme_challenge_valid: false });
    const acme = checkIn(validation, "acme");
    expect(acme.found).toEqual([{ at: EDGE, type: "HTTP", name, values: ["answered with status 302"], fault: null }]);
    expect(JSON.stringify(validation)).not.toContain("secret");
    const { challenge } = await world.secrets();
    expect(world.requests).toEqual([`${EDGE} ${name} /.well-known/acme-challenge/${challenge.token}`]);
  });

  test("whose server changes the protocol, or says nothing and closes, keeps nobody waiting", async () => {
    const { id, cname } = await create("owner");
    world.set(name, "CNAME", cname);
    world.set(cname, "A", EDGE);
    world.outside.edgeSays = { status: 101, headers: { connection: "upgrade", upgrade: "x" }, text: "" };
    expect(checkIn(await look("owner", id), "acme").found[0]?.values).toEqual(["answered with status 101"]);
    world.outside.edgeSays = "closes";
    const silent = checkIn(await look("owner", id), "acme");
    expect(silent).toMatchObject({ status: "failed", found: [{ fault: "did not answer in HTTP" }] });
  });

  test("whose address is private is never asked for anything, where private ones are not allowed", async () => {
    const { id } = await create("owner");
    for (const address of ["127.0.0.2", "169.254.169.254", "0.0.0.0"]) {
      world.set(name, "A", address);
      world.requests.length = 0;
      world.outside.allowPrivate = false;
      const acme = checkIn(await look("owner", id), "acme");
      expect(acme).toMatchObject({ status: "failed", found: [{ at: address, values: [] }] });
      expect(acme.found[0]?.fault).toContain("nothing was asked there");
      expect(world.requests).toEqual([]);
    }
    world.outside.allowPrivate = true;
    expect(checkIn(await look("owner", id), "acme").found[0]?.fault).toContain("nothing was asked there");
  });

  test("of the platform's own zone is always valid, and nobody looks", async () => {
    const body = { domain_type: "subdomain", origin: { url: "http://127.0.0.1:9000" } };
    const id = idIn(await world.api.call("owner", "POST", "/distributions", body));
    const answer = await world.api.call("owner", "POST", `/distributions/${id}/validate`);
    expect(answer).toMatchObject({
      status: 200,
      body: { status: "valid", is_cname_valid: true, is_acme_challenge_valid: true, checks: [], next_check_at: null },
    });
  });

  test("with a wildcard is proven by a name that nobody foresaw, and its challenges are delegated once", async () => {
    const wildcard = `*.shop${names}.example.com`;
    const { id, cname } = await create("owner", wildcard);
    world.set(name, "CNAME", cname);
    expect((await look("owner", id, wildcard)).proof).toBe("none");
    world.set(wildcard, "CNAME", cname);
    world.set(cname, "A", EDGE);
    const undelegated = await look("owner", id, wildcard);
    expect(undelegated).toMatchObject({ status: "unreachable", proof: "cname", is_cname_valid: true });
    const [record] = checkIn(undelegated, "acme").records_to_add;
    expect(record).toMatchObject({ type: "CNAME", name: `_acme-challenge.shop${names}.example.com` });
    expect(record?.value).toMatch(new RegExp(`^[0-9a-f]{32}\\.acme-challenge\\.${ZONE}$`));
    const { accountId } = world.api.people.owner;
    expect(await world.precheck({ accountId, name: wildcard }, signal)).toMatchObject({
      ...{ ok: false, isStopped: false },
      reason: expect.stringMatching(/, by this CNAME: _acme-challenge\.\S+ CNAME [0-9a-f]{32}\.\S+\.$/),
    });
    world.set(record?.name ?? "", "CNAME", record?.value ?? "");
    expect(await world.precheck({ accountId, name: wildcard }, signal)).toEqual({ ok: true });
    expect(await look("owner", id, wildcard)).toMatchObject({ status: "valid", is_acme_challenge_valid: true });
  });
});

describe("resolvers", () => {
  test("that are away, or fail, change nothing of what held before", async () => {
    const { id, cname } = await create("owner");
    world.set(name, "CNAME", cname);
    world.set(cname, "A", EDGE);
    await look("owner", id);
    for (const mode of ["silent", "fails"] as const) {
      for (const dns of world.dns) dns.mode = mode;
      const validation = await look("owner", id);
      expect(validation).toMatchObject({
        ...{ status: "unknown", is_cname_valid: true, is_acme_challenge_valid: true, proof: "cname", away_since: null },
      });
      for (const { fault } of checkIn(validation, "pointing").found) expect(fault).not.toBeNull();
    }
  });

  test("of which one is away: the other's word counts for where it leads, but moves no name", async () => {
    const [first, second] = [await create("owner"), await create("stranger")];
    world.set(name, "CNAME", second.cname);
    world.dns[1].mode = "fails";
    await world.look.look(name, signal);
    expect((await read("owner", first.id)).is_serving).toBe(true);
    world.dns[1].mode = "answers";
    await world.look.look(name, signal);
    expect((await read("owner", first.id)).is_serving).toBe(false);
  });

  test("that do not agree yet: nothing is taken back, and it is said that a change is on its way", async () => {
    const { id, cname } = await create("owner");
    world.set(name, "CNAME", cname);
    world.set(cname, "A", EDGE);
    await look("owner", id);
    world.dns[0].set(name, "CNAME");
    world.dns[0].set(name, "A", ELSEWHERE);
    const validation = await look("owner", id);
    expect(validation).toMatchObject({ status: "changing", is_cname_valid: true, away_since: null });
    world.dns[1].set(name, "CNAME");
    expect(await look("owner", id)).toMatchObject({ status: "not_pointing", is_cname_valid: false });
  });
});

describe("two accounts that claim one name", () => {
  test("a token moves it; the loser has failed, is told so, and learns nothing of the other", async () => {
    const [first, second] = [await create("owner"), await create("stranger")];
    const waiting = await look("stranger", second.id);
    expect(waiting).toMatchObject({ status: "not_served", is_serving: false, renewal: "stopped" });
    const txt = { type: "TXT", name: `_edgewright.${name}`, value: await tokenOf("stranger") };
    expect(checkIn(waiting, "ownership").records_to_add).toEqual([{ type: "CNAME", name, value: second.cname }, txt]);
    world.set(txt.name, "TXT", "v=spf1 -all", txt.value);
    expect(await look("stranger", second.id)).toMatchObject({ is_serving: true, proof: "token" });
    expect(await distributionOf("stranger", second.id)).toMatchObject({ status: "pending", status_reason: null });
    const lost = await read("owner", first.id);
    expect(lost).toMatchObject({ status: "not_served", is_cname_valid: false, renewal: "stopped" });
    const loser = await distributionOf("owner", first.id);
    expect(loser).toMatchObject({ status: "failed", status_reason: expect.stringContaining("another account") });
    const letters = await told("domain.lost");
    expect(letters).toMatchObject([{ account_id: world.api.people.owner.accountId }]);
    expect(await told("domain.won")).toMatchObject([{ account_id: world.api.people.stranger.accountId }]);
    const audit = await world.db("audit_entry").where({ account_id: world.api.people.owner.accountId });
    const all = JSON.stringify([lost, loser, letters, audit]);
    for (const other of [world.api.people.stranger.accountId, second.id, second.cname]) {
      expect(all).not.toContain(other);
    }
  });

  test("a CNAME to one's own target beats a token; of two tokens who serves stays, however often one looks", async () => {
    const [first, second] = [await create("owner"), await create("stranger")];
    const text = `_edgewright.${name}`;
    world.set(text, "TXT", await tokenOf("owner"));
    await look("owner", first.id);
    world.set(text, "TXT", await tokenOf("owner"), await tokenOf("stranger"));
    for (let round = 0; round < 3; round += 1) expect((await look("owner", first.id)).is_serving).toBe(true);
    expect(checkIn(await read("stranger", second.id), "ownership").detail).toContain("proof as good or better");

    world.set(name, "CNAME", second.cname);
    for (let round = 0; round < 3; round += 1) expect((await look("stranger", second.id)).is_serving).toBe(true);
    // Its own target proves more than a token that still stands.
    world.set(name, "CNAME");
    for (let round = 0; round < 3; round += 1) expect((await look("stranger", second.id)).is_serving).toBe(true);
    expect(await told("domain.lost")).toHaveLength(1);
    world.set(text, "TXT", await tokenOf("owner"));
    expect((await look("owner", first.id)).is_serving).toBe(true);
    expect(await distributionOf("owner", first.id)).toMatchObject({ status: "pending" });
  });

  test("to lead to the edges proves nothing: any account's names do", async () => {
    const [first, second] = [await create("owner"), await create("stranger")];
    world.set(name, "A", EDGE);
    world.set(first.cname, "A", EDGE);
    world.set(second.cname, "A", EDGE);
    expect(await look("owner", first.id)).toMatchObject({ is_serving: true, is_cname_valid: true });
    expect(await read("stranger", second.id)).toMatchObject({ is_serving: false, is_cname_valid: false });
  });

  test("looks at the same time, and one that ends late, leave it with one alone", async () => {
    const [first, second] = [await create("owner"), await create("stranger")];
    world.set(name, "CNAME", second.cname);
    await Promise.all(Array.from({ length: 6 }, () => world.look.look(name, signal)));
    expect(await world.db("domain").where({ name, is_serving: true })).toHaveLength(1);
    expect((await read("stranger", second.id)).is_serving).toBe(true);
    expect(await told("domain.lost")).toHaveLength(1);

    // What was seen before is slow to come in, and a newer look has been meanwhile.
    world.set(name, "CNAME", first.cname);
    const old = await world.look.see(name, [first.cname, second.cname], signal);
    world.outside.aheadMs += 1_000;
    world.set(name, "CNAME", second.cname);
    await world.look.look(name, signal);
    const settings = { zone: ZONE, tokenOf: (await world.secrets()).tokenOf };
    await inTransaction(world.db, (tx) => settle(tx, settings, old, world.clock()));
    expect((await read("stranger", second.id)).is_serving).toBe(true);
    await inTransaction(world.db, async (tx) => {
      const newer = { ...old, observation: { ...old.observation, at: world.clock() } };
      await settle(tx, settings, newer, world.clock());
    });
    expect((await read("owner", first.id)).is_serving).toBe(true);
  });

  test("a name goes to none while the distribution that has it is on its way out", async () => {
    const [first, second] = [await create("owner"), await create("stranger")];
    await world.api.call("owner", "DELETE", `/distributions/${first.id}`);
    world.set(name, "CNAME", second.cname);
    expect(await look("stranger", second.id)).toMatchObject({ is_serving: false, proof: "cname" });
  });

  test("who has proven a wildcard gets the names below it back, but for those that are proven themselves", async () => {
    const squatted = await create("stranger");
    const proven = await create("stranger", name.replace("www", "own"));
    const wildcard = name.replace("www", "*");
    const { id, cname } = await create("owner", wildcard);
    world.set(wildcard, "CNAME", cname);
    world.set(name.replace("www", "own"), "CNAME", proven.cname);
    await look("owner", id, wildcard);
    expect((await look("stranger", squatted.id)).is_serving).toBe(false);
    expect((await look("stranger", proven.id, name.replace("www", "own"))).is_serving).toBe(true);
  });
});

describe("a name that goes away", () => {
  async function pointed() {
    const distribution = await create("owner");
    world.set(name, "CNAME", distribution.cname);
    world.set(distribution.cname, "A", EDGE);
    await look("owner", distribution.id);
    return distribution;
  }

  test("is warned of once, then not renewed, is served all the time, and goes on when it is back", async () => {
    const { id, cname } = await pointed();
    world.set(name, "CNAME", "elsewhere.example.net");
    expect(await look("owner", id)).toMatchObject({ away_since: expect.any(String), renewal: "allowed" });
    expect(await told("domain.not-pointing")).toEqual([]);
    for (const days of [1, 3]) {
      world.outside.aheadMs += days * DAY_MS;
      await look("owner", id);
      expect(await told("domain.not-pointing")).toHaveLength(1);
    }
    const owner = world.api.people.owner.accountId;
    expect(await world.precheck({ accountId: owner, name }, signal)).toMatchObject({ ok: false, isStopped: false });
    world.outside.aheadMs += 3 * DAY_MS;
    expect(await look("owner", id)).toMatchObject({ renewal: "stopped", is_serving: true });
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
    expect(await look("owner", id)).toMatchObject({ status: "valid", renewal: "allowed", away_since: null });
    expect(await told("domain.pointing")).toHaveLength(1);
    const wanted = await jobs("certificate.wanted");
    expect(wanted).toContainEqual({ certificate_id: stopped });
    for (const id of others) expect(wanted).not.toContainEqual({ certificate_id: id });
    expect(await world.precheck({ accountId: owner, name }, signal)).toEqual({ ok: true });
  });

  test("a certificate that waits for its name is wanted once it leads here, and not again", async () => {
    const distribution = await create("owner");
    const certificate = await insertCertificate(world.api.people.owner.accountId, name);
    const foreign = await insertCertificate(world.api.people.stranger.accountId, name);
    const wanted = async (id: string) => (await jobs("certificate.wanted")).filter((job) => job.certificate_id === id);
    await look("owner", distribution.id);
    expect(await wanted(certificate)).toHaveLength(0);
    world.set(name, "CNAME", distribution.cname);
    world.set(distribution.cname, "A", EDGE);
    await look("owner", distribution.id);
    await look("owner", distribution.id);
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
    const victim = await create("stranger");
    const wildcard = name.replace("www", "*");
    const { owner, stranger } = world.api.people;
    const below = name.replace("www", "below");
    world.set(victim.cname, "A", EDGE);
    world.set(below, "CNAME", victim.cname);
    // Nobody has looked since the victim proved its name, and nobody claims the one below.
    await create("owner", wildcard);
    world.set(name, "CNAME", victim.cname);
    expect(await world.precheck({ accountId: owner.accountId, name: below }, signal)).toMatchObject({
      ...{ ok: false, isStopped: false, reason: expect.stringContaining("not yours") },
    });
    expect(await world.precheck({ accountId: owner.accountId, name }, signal)).toMatchObject({ ok: false });
    expect(await world.precheck({ accountId: stranger.accountId, name }, signal)).toEqual({ ok: true });

    // One that was first at the very name loses it in the look before the authority is asked.
    const contested = name.replace("www", "contested");
    await create("owner", contested);
    const proven = await create("stranger", contested);
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

describe("POST /distributions/{id}/validate", () => {
  test("looks at once, and not again within seconds", async () => {
    const { id, cname } = await create("owner");
    world.set(name, "CNAME", cname);
    world.set(cname, "A", EDGE);
    const first = await world.api.call("owner", "POST", `/distributions/${id}/validate`);
    expect(first).toMatchObject({ status: 200, body: { status: "valid", domain: name } });
    const second = await world.api.call("owner", "POST", `/distributions/${id}/validate`);
    expect(second.status).toBe(429);
    expect(second.headers.get("retry-after")).toBe("5");
    world.outside.aheadMs += 5_000;
    expect((await world.api.call("owner", "POST", `/distributions/${id}/validate`)).status).toBe(200);
  });

  test("is for editors of the account; others see nothing of it", async () => {
    const { id } = await create("owner");
    expect((await world.api.call("viewer", "POST", `/distributions/${id}/validate`)).status).toBe(403);
    expect((await world.api.call("viewer", "GET", `/distributions/${id}/validation`)).status).toBe(200);
    for (const [method, path] of [
      ["POST", "validate"],
      ["GET", "validation"],
    ] as const) {
      expect((await world.api.call("stranger", method, `/distributions/${id}/${path}`)).status).toBe(404);
    }
  });
});
