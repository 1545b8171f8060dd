import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { prefetchBodySchema } from "../../../agents/contract.ts";
import { createViewersAuthority } from "../../../openresty/test-certificates.ts";
import { createSeal } from "../../../platform/seal.ts";
import { createCertificateService } from "../certificate/index.ts";
import {
  createDistribution,
  createGroup,
  createTestWorld,
  recordsOf,
  type TestWorld,
} from "../deployment/test-world.ts";
import { inputFor, insertPerson } from "../distribution/test-customer.ts";
import { appendWaiting, forgetPrefetches } from "./append.ts";
import { createPrefetchService } from "./index.ts";

const HOUR_MS = 3_600_000;
const forever = new AbortController().signal;

let world: TestWorld;
let group: string;
const viewersAuthority = createViewersAuthority();
let id: string;
let names = 0;

beforeAll(async () => {
  world = await createTestWorld();
  group = await createGroup(world);
});
afterAll(() => world?.stop());
beforeEach(async () => {
  names += 1;
  id = await createDistribution(world, `www${names}.example.com`);
  await world.compiler.deploy([id]);
});

const settings = () => ({ ...world, announce: (scope: string) => void world.announced.push(scope) });
const ask = (urls: string[]) => createPrefetchService(world).request(world.customer, id, { urls });
const recordOf = async (prefetchId: string) =>
  (await recordsOf(world, group)).find((record) => record.kind === "prefetch" && record.id === prefetchId);

describe("a prefetch", () => {
  test("names whole URLs, each once, in the spelling of the edges", async () => {
    const { urls } = await ask(["/%7Ea", "/~a#x", `HTTPS://WWW${names}.Example.com:8443/b?x`]);
    expect(urls).toEqual([`http://www${names}.example.com/~a`, `https://www${names}.example.com/b?x`]);
  });

  test("goes over HTTPS where viewers are led there", async () => {
    const host = `www${names}.example.com`;
    const { chain, key } = viewersAuthority.issue({ names: [host] });
    const certificates = createCertificateService({
      ...{ db: world.db, clock: world.clock, seal: createSeal(Buffer.alloc(32, 1)) },
      ...{ canonicalName: (text: string) => text, isServedForAnother: async () => false },
    });
    const pair = { certificate: chain, chain: viewersAuthority.root, private_key: key };
    const certificate = await certificates.create(world.customer, { automatic: false, ...pair });
    const wish = { certificate_id: certificate.id, is_redirect_http_to_https: true };
    await world.distributions.update(world.customer, id, wish);
    expect((await ask(["/a", `http://${host}/b`])).urls).toEqual([`https://${host}/a`, `https://${host}/b`]);
  });

  test("reaches every group that has the distribution, and is gone after an hour", async () => {
    const { id: prefetchId, urls } = await ask(["/a"]);
    world.announced.length = 0;
    await appendWaiting(settings());
    const record = await recordOf(prefetchId);
    expect(prefetchBodySchema.parse(JSON.parse(record?.body ?? ""))).toEqual({ format: 1, distribution: id, urls });
    expect(world.announced).toEqual([group]);
    world.passTime(HOUR_MS / 2);
    await forgetPrefetches(settings(), forever);
    expect(await recordOf(prefetchId)).toMatchObject({ op: "put" });
    world.passTime(HOUR_MS);
    await forgetPrefetches(settings(), forever);
    expect(await recordOf(prefetchId)).toMatchObject({ op: "del" });
  });

  test("of a domain that another's claim serves is a fault, by a wildcard too; by its own name it is taken", async () => {
    for (const name of [`www${names}.example.com`, `*.shop${names}.example.com`]) {
      const host = name.replace("*", "a");
      const holder = await insertPerson(world.db, randomUUID());
      if (name.startsWith("*")) await world.distributions.create(holder, inputFor(name));
      const rival = await insertPerson(world.db, randomUUID());
      const { record } = await world.distributions.create(rival, inputFor(name));
      const request = (urls: string[]) => createPrefetchService(world).request(rival, record.id, { urls });
      await expect(request(["/a", `https://${host}/`])).rejects.toMatchObject({
        errors: [{ pointer: "/urls/1", detail: expect.stringContaining(`of this distribution: ${record.cname}`) }],
      });
      expect((await request(["/a"])).urls).toEqual([`http://${record.cname}/a`]);
    }
  });

  test("of a wildcard that is served names hosts below it, one label deep", async () => {
    const holder = await insertPerson(world.db, randomUUID());
    const { record } = await world.distributions.create(holder, inputFor(`*.own${names}.example.com`));
    const request = (url: string) => createPrefetchService(world).request(holder, record.id, { urls: [url] });
    const url = `https://a.own${names}.example.com/x`;
    expect((await request(url)).urls).toEqual([url]);
    await expect(request(`https://a.b.own${names}.example.com/`)).rejects.toMatchObject({ kind: { status: 422 } });
  });

  test("of too much text is a fault, as it came or as it is spelt", async () => {
    const fault = { errors: [{ pointer: "/urls", detail: expect.stringContaining("at most 256 KB together") }] };
    const long = Array.from({ length: 40 }, (_, index) => `/${index}${"a".repeat(8_000)}`);
    await expect(ask(long)).rejects.toMatchObject(fault);
    // Not even read: it has a fault of its own.
    await expect(ask([...long, "no path"])).rejects.toMatchObject(fault);
    await expect(ask(long.map((url) => url.slice(0, 4_000).replaceAll("a", '"')))).rejects.toMatchObject(fault);
    expect(await world.db("prefetch").where({ distribution_id: id })).toEqual([]);
  });

  test("is told to the audit log in part where it is long", async () => {
    const { id: prefetchId, urls } = await ask(
      Array.from({ length: 9 }, (_, index) => `/${index}${"a".repeat(1_000)}`),
    );
    const entries = await world.db("audit_entry").where({ action: "distribution.prefetch", resource_id: id });
    expect(entries).toMatchObject([
      { changes: [{ pointer: `/prefetches/${prefetchId}`, after: { count: 9, items: urls.slice(0, 7) } }] },
    ]);
  });

  test("waits for the next batch where one has no room for its bytes, and no job of its own", async () => {
    const ids = [(await ask(["/a"])).id, (await ask(["/b"])).id, (await ask(["/c"])).id];
    const urls = JSON.stringify([`http://www.example.com/${"a".repeat(3_000_000)}`]);
    await world.db("prefetch").whereIn("id", ids).update({ urls });
    world.announced.length = 0;
    await appendWaiting(settings());
    expect(world.announced).toEqual([group, group]);
    for (const prefetchId of ids) expect(await recordOf(prefetchId)).toMatchObject({ op: "put" });
  });

  test("is gone from the database after a day, however many they are", async () => {
    await ask(["/a"]);
    await appendWaiting(settings());
    await world.db.raw(
      `insert into prefetch (id, distribution_id, urls, created_at, appended_at)
       select gen_random_uuid(), distribution_id, urls, created_at, appended_at
       from prefetch, generate_series(1, 2500) where distribution_id = ?`,
      [id],
    );
    world.passTime(25 * HOUR_MS);
    await forgetPrefetches(settings(), forever);
    expect(await world.db("prefetch").where({ distribution_id: id })).toEqual([]);
  });

  test("of another's host is a fault with its place, and leaves nothing", async () => {
    const error = await ask(["/a", "https://other.example.org/"]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ errors: [{ pointer: "/urls/1" }] });
    expect(await world.db("prefetch").where({ distribution_id: id })).toEqual([]);
  });
});
