// Where a domain leads, and what its customer reads and is told to mend.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { idIn } from "../distribution/test-api.ts";
import { checkIn, EDGE, ELSEWHERE, startWorld, type World, ZONE } from "./test-world.ts";

let world: World;
let name: string;

const signal = new AbortController().signal;
const DAY_MS = 24 * 60 * 60_000;
/** What it is called in other zones. */
const shop = () => name.split(".")[1];

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.stop());
beforeEach(() => {
  name = world.newName();
});
afterEach(() => world.recover());

describe("a domain", () => {
  test("that leads here by its CNAME is valid, and the distribution says so", async () => {
    const { id, cname } = await world.create("owner");
    world.set(name, "CNAME", cname);
    world.set(cname, "A", EDGE);
    const validation = await world.lookAndRead("owner", id);
    expect(validation).toMatchObject({
      ...{ status: "valid", is_cname_valid: true, is_acme_challenge_valid: true, is_serving: true, proof: "cname" },
      ...{ renewal: "allowed", away_since: null, pointing_since: expect.any(String) },
      // Not that one is issued: CAA records may forbid it.
      detail: expect.stringMatching(/leads here, and a certificate authority gets its answer\.$/),
    });
    expect(validation.checks.map(({ status }) => status)).toEqual(["passed", "passed", "passed"]);
    expect(validation.checks.flatMap(({ records_to_add: records }) => records)).toEqual([]);
    expect(await world.distributionOf("owner", id)).toMatchObject({
      is_cname_valid: true,
      is_acme_challenge_valid: true,
    });
    const wait = new Date(validation.next_check_at ?? 0).getTime() - world.clock().getTime();
    expect(wait).toBeGreaterThan(DAY_MS - 60_000);
  });

  test("with no record is told the one to add, and what every resolver said", async () => {
    const { id, cname } = await world.create("owner");
    const validation = await world.lookAndRead("owner", id);
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
    const { id, cname } = await world.create("owner");
    const validation = await world.read("owner", id);
    expect(validation).toMatchObject({ status: "unknown", checked_at: null });
    expect(checkIn(validation, "pointing").records_to_add).toEqual([{ type: "CNAME", name, value: cname }]);
    expect(checkIn(validation, "ownership").records_to_add).toEqual([
      { type: "TXT", name: `_edgewright.${name}`, value: await world.tokenOf("owner") },
    ]);
  });

  test("at the top of a zone is told the addresses of the edges, and is valid with all of them and none else", async () => {
    const apex = `${shop()}.example`;
    const { id, cname } = await world.create("owner", apex);
    world.set(cname, "A", EDGE);
    const before = checkIn(await world.lookAndRead("owner", id, apex), "pointing");
    expect(before.records_to_add).toEqual([{ type: "A", name: apex, value: EDGE }]);
    world.set(apex, "A", EDGE, ELSEWHERE);
    const half = await world.lookAndRead("owner", id, apex);
    expect(half.status).toBe("not_pointing");
    expect(checkIn(half, "pointing").detail).toContain(ELSEWHERE);
    world.set(apex, "A", EDGE);
    expect(await world.lookAndRead("owner", id, apex)).toMatchObject({ status: "valid", proof: "none" });
  });

  test("at the top of its zone leads here by its token, too, where an edge answers at addresses that nobody knows", async () => {
    const apex = `alias-${shop()}.example`;
    const { id } = await world.create("owner", apex);
    world.set(apex, "A", EDGE);
    const before = await world.lookAndRead("owner", id, apex);
    expect(before).toMatchObject({ status: "not_pointing", is_cname_valid: false });
    const token = await world.tokenOf("owner", apex);
    expect(checkIn(before, "pointing").expected.at(-1)).toContain(`TXT ${token} at _edgewright.${apex}`);
    world.set(`_edgewright.${apex}`, "TXT", token);
    expect(await world.lookAndRead("owner", id, apex)).toMatchObject({
      status: "valid",
      is_cname_valid: true,
      proof: "token",
    });
    world.set(apex, "A", EDGE, ELSEWHERE);
    expect(await world.lookAndRead("owner", id, apex)).toMatchObject({ status: "not_pointing", is_cname_valid: false });
  });

  test("with a CNAME over another name, and one in Unicode, lead here all the same", async () => {
    const unicode = `bücher-${shop()}.example.org`;
    const { id, cname } = await world.create("owner", unicode);
    const { domain } = await world.read("owner", id);
    expect(domain).toMatch(/^xn--/);
    world.set(domain, "CNAME", `alias-${shop()}.example.net`);
    world.set(`alias-${shop()}.example.net`, "CNAME", cname);
    world.set(cname, "A", EDGE);
    const validation = await world.lookAndRead("owner", id, domain);
    expect(validation).toMatchObject({ status: "valid", proof: "cname" });
    expect(checkIn(validation, "pointing").found[0]?.values).toEqual([`alias-${shop()}.example.net`, cname]);
  });

  test("that leads here while somebody else answers there is unreachable; a redirect is not followed", async () => {
    const { id, cname } = await world.create("owner");
    world.set(name, "CNAME", cname);
    world.set(cname, "A", EDGE);
    world.requests.length = 0;
    world.outside.edgeSays = { status: 302, headers: { location: `http://${ELSEWHERE}/secret` }, text: "" };
    const validation = await world.lookAndRead("owner", id);
    expect(validation).toMatchObject({ status: "unreachable", is_cname_valid: true, is_acme_challenge_valid: false });
    const acme = checkIn(validation, "acme");
    expect(acme.found).toEqual([{ at: EDGE, type: "HTTP", name, values: ["answered with status 302"], fault: null }]);
    expect(JSON.stringify(validation)).not.toContain("secret");
    const { challenge } = await world.secrets();
    expect(world.requests).toEqual([`${EDGE} ${name} /.well-known/acme-challenge/${challenge.token}`]);
  });

  test("whose server changes the protocol, or says nothing and closes, keeps nobody waiting", async () => {
    const { id, cname } = await world.create("owner");
    world.set(name, "CNAME", cname);
    world.set(cname, "A", EDGE);
    world.outside.edgeSays = { status: 101, headers: { connection: "upgrade", upgrade: "x" }, text: "" };
    expect(checkIn(await world.lookAndRead("owner", id), "acme").found[0]?.values).toEqual([
      "answered with status 101",
    ]);
    world.outside.edgeSays = "closes";
    const silent = checkIn(await world.lookAndRead("owner", id), "acme");
    expect(silent).toMatchObject({ status: "failed", found: [{ fault: "did not answer in HTTP" }] });
  });

  test("whose address is private is never asked for anything, where private ones are not allowed", async () => {
    const { id } = await world.create("owner");
    for (const address of ["127.0.0.2", "169.254.169.254", "0.0.0.0"]) {
      world.set(name, "A", address);
      world.requests.length = 0;
      world.outside.allowPrivate = false;
      const acme = checkIn(await world.lookAndRead("owner", id), "acme");
      expect(acme).toMatchObject({ status: "failed", found: [{ at: address, values: [] }] });
      expect(acme.found[0]?.fault).toContain("nothing was asked there");
      expect(world.requests).toEqual([]);
    }
    world.outside.allowPrivate = true;
    expect(checkIn(await world.lookAndRead("owner", id), "acme").found[0]?.fault).toContain("nothing was asked there");
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
    const wildcard = `*.${shop()}.example.com`;
    const { id, cname } = await world.create("owner", wildcard);
    world.set(name, "CNAME", cname);
    expect((await world.lookAndRead("owner", id, wildcard)).proof).toBe("none");
    world.set(wildcard, "CNAME", cname);
    world.set(cname, "A", EDGE);
    const undelegated = await world.lookAndRead("owner", id, wildcard);
    expect(undelegated).toMatchObject({ status: "unreachable", proof: "cname", is_cname_valid: true });
    const [record] = checkIn(undelegated, "acme").records_to_add;
    expect(record).toMatchObject({ type: "CNAME", name: `_acme-challenge.${shop()}.example.com` });
    expect(record?.value).toMatch(new RegExp(`^[0-9a-f]{32}\\.acme-challenge\\.${ZONE}$`));
    const { accountId } = world.api.people.owner;
    expect(await world.precheck({ accountId, name: wildcard }, signal)).toMatchObject({
      ...{ ok: false, isStopped: false },
      reason: expect.stringMatching(/, by this CNAME: _acme-challenge\.\S+ CNAME [0-9a-f]{32}\.\S+\.$/),
    });
    world.set(record?.name ?? "", "CNAME", record?.value ?? "");
    expect(await world.precheck({ accountId, name: wildcard }, signal)).toEqual({ ok: true });
    expect(await world.lookAndRead("owner", id, wildcard)).toMatchObject({
      status: "valid",
      is_acme_challenge_valid: true,
    });
  });
});

describe("resolvers", () => {
  test("that are away, or fail, change nothing of what held before", async () => {
    const { id, cname } = await world.create("owner");
    world.set(name, "CNAME", cname);
    world.set(cname, "A", EDGE);
    await world.lookAndRead("owner", id);
    for (const mode of ["silent", "fails"] as const) {
      for (const dns of world.dns) dns.mode = mode;
      const validation = await world.lookAndRead("owner", id);
      expect(validation).toMatchObject({
        ...{ status: "unknown", is_cname_valid: true, is_acme_challenge_valid: true, proof: "cname", away_since: null },
      });
      for (const { fault } of checkIn(validation, "pointing").found) expect(fault).not.toBeNull();
    }
  });

  test("of which one is away: the other's word counts for where it leads, but moves no name", async () => {
    const [first, second] = [await world.create("owner"), await world.create("stranger")];
    world.set(name, "CNAME", second.cname);
    world.dns[1].mode = "fails";
    await world.look.look(name, signal);
    expect((await world.read("owner", first.id)).is_serving).toBe(true);
    world.dns[1].mode = "answers";
    await world.look.look(name, signal);
    expect((await world.read("owner", first.id)).is_serving).toBe(false);
  });

  test("that do not agree yet: nothing is taken back, and it is said that a change is on its way", async () => {
    const { id, cname } = await world.create("owner");
    world.set(name, "CNAME", cname);
    world.set(cname, "A", EDGE);
    await world.lookAndRead("owner", id);
    world.dns[0].set(name, "CNAME");
    world.dns[0].set(name, "A", ELSEWHERE);
    const validation = await world.lookAndRead("owner", id);
    expect(validation).toMatchObject({ status: "changing", is_cname_valid: true, away_since: null });
    world.dns[1].set(name, "CNAME");
    expect(await world.lookAndRead("owner", id)).toMatchObject({ status: "not_pointing", is_cname_valid: false });
  });
});

describe("POST /distributions/{id}/validate", () => {
  test("looks at once, and not again within seconds", async () => {
    const { id, cname } = await world.create("owner");
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
    const { id } = await world.create("owner");
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
