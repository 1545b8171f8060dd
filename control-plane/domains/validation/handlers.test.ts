import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { challengeBodySchema } from "../../../agents/contract.ts";
import { createSeal } from "../../../platform/seal.ts";
import {
  createDistribution,
  createGroup,
  createTestWorld,
  recordsOf,
  scopeOf,
  type TestWorld,
} from "../deployment/test-world.ts";
import { domainClaimed } from "../distribution/index.ts";
import { createValidationSecrets, validationHandlers } from "./index.ts";
import { lookAtDue, standChallenge } from "./jobs.ts";

let world: TestWorld;
let looked: string[];
let hold: (name: string) => Promise<void>;
let run: (job: { readonly name: string }, payload?: object) => Promise<void>;

const signal = new AbortController().signal;

beforeAll(async () => {
  world = await createTestWorld();
  const secrets = createValidationSecrets({ db: world.db, seal: createSeal(Buffer.alloc(32, 1)) });
  const look = async (name: string) => {
    looked.push(name);
    await hold(name);
  };
  const announce = (scope: string) => void world.announced.push(scope);
  const handlers = validationHandlers({ ...world, announce, secrets, look: { look } });
  run = async (job, payload = {}) => {
    const handler = handlers.find((one) => one.job.name === job.name);
    if (handler === undefined) throw new Error(`nobody does ${job.name}`);
    await handler.run(payload, signal);
  };
});
afterAll(() => world?.stop());
beforeEach(async () => {
  looked = [];
  hold = async () => {};
  await world.db("domain_validation").delete();
});

async function claimed(name: string): Promise<string> {
  const id = await createDistribution(world, name);
  const row: unknown = (await world.db("distribution").where({ id }).first("domain_id")).domain_id;
  return String(row);
}

const dueIn = (domainId: string, ms: number) =>
  world
    .db("domain_validation")
    .insert({ domain_id: domainId, next_check_at: new Date(world.clock().getTime() + ms) })
    .onConflict("domain_id")
    .merge();

test("a name that was just claimed is looked at, and one whose claim is gone is not", async () => {
  const id = await claimed("new.example.com");
  await run(domainClaimed, { domain_id: id });
  await run(domainClaimed, { domain_id: randomUUID() });
  expect(looked).toEqual(["new.example.com"]);
});

test("names are looked at when they are due, each once, and again only after its time or ten minutes", async () => {
  await dueIn(await claimed("due.example.com"), -1);
  await dueIn(await claimed("later.example.com"), 60_000);
  await run(lookAtDue);
  await run(lookAtDue);
  expect(looked).toEqual(["due.example.com"]);
  world.passTime(10 * 60_000);
  await run(lookAtDue);
  expect(looked.sort()).toEqual(["due.example.com", "due.example.com", "later.example.com"]);
});

test("a name that cannot be looked at keeps no other from it", async () => {
  hold = async (name) => {
    if (name === "bad.example.com") throw new Error("no");
  };
  for (const name of ["bad.example.com", "good.example.com"]) await dueIn(await claimed(name), -1);
  await run(lookAtDue);
  expect(looked.sort()).toEqual(["bad.example.com", "good.example.com"]);
});

test("while names keep a run waiting, another takes no place in the queue; what came is looked at by the first", async () => {
  let release = () => {};
  let began = () => {};
  const atWork = new Promise<void>((resolve) => {
    began = resolve;
  });
  hold = (name) =>
    name !== "slow.example.com"
      ? Promise.resolve()
      : new Promise((resolve) => {
          release = resolve;
          began();
        });
  await dueIn(await claimed("slow.example.com"), -1);
  const first = run(lookAtDue);
  await atWork;
  await dueIn(await claimed("meanwhile.example.com"), -1);
  await run(lookAtDue);
  expect(looked).toEqual(["slow.example.com"]);
  release();
  await first;
  expect(looked).toEqual(["slow.example.com", "meanwhile.example.com"]);
});

test("the standing challenge comes to every group, once, and to those that come later", async () => {
  const paris = await createGroup(world, `paris-${randomUUID()}`);
  await run(standChallenge);
  const standing = async (scope: string) =>
    (await recordsOf(world, scope)).filter(({ kind }) => kind === "challenge").map(({ body }) => JSON.parse(body));
  const [body] = await standing(paris);
  expect(challengeBodySchema.parse(body).key_authorization).toContain(`${body.token}.`);
  const { rev } = await scopeOf(world, paris);
  const lyon = await createGroup(world, `lyon-${randomUUID()}`);
  await run(standChallenge);
  expect(await standing(lyon)).toEqual([body]);
  expect((await scopeOf(world, paris)).rev).toBe(rev);
  expect(world.announced).toContain(lyon);
});
