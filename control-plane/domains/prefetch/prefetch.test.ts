import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { prefetchBodySchema } from "../../../agents/contract.ts";
import {
  createDistribution,
  createGroup,
  createTestWorld,
  recordsOf,
  type TestWorld,
} from "../deployment/test-world.ts";
import { appendWaiting, forgetPrefetches } from "./append.ts";
import { createPrefetchService } from "./index.ts";

const HOUR_MS = 3_600_000;
const forever = new AbortController().signal;

let world: TestWorld;
let group: string;
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

  test("of another's host is a fault with its place, and leaves nothing", async () => {
    const error = await ask(["/a", "https://other.example.org/"]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ errors: [{ pointer: "/urls/1" }] });
    expect(await world.db("prefetch").where({ distribution_id: id })).toEqual([]);
  });
});
