// Another master key for a product that runs, as its operator does it (docs/runbooks/keys.md).
import { execFile } from "node:child_process";
import { readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type Api, apiAt, createDistribution, eventually, register } from "./api.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { failToStart, PROGRAM, productEnvironment, startProduct, temporaryFolder } from "./product.ts";
import { view } from "./viewer.ts";

const run = promisify(execFile);
const SIXTEEN_MINUTES_MS = 16 * 60_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let origin: Origin;
beforeAll(async () => {
  folder = await temporaryFolder("keys");
  origin = await startOrigin();
});
afterAll(async () => {
  await origin.stop();
  await folder.remove();
});

const rotationSchema = z.object({
  added: z.string().nullable(),
  rewrapped: z.int(),
  former: z.array(z.object({ values: z.int(), jobs: z.int() })),
  pruned: z.array(z.string()),
});

async function command(env: Record<string, string>, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [PROGRAM, ...args], { env });
  return stdout;
}

async function rotate(env: Record<string, string>, ...options: readonly string[]) {
  return rotationSchema.parse(JSON.parse(await command(env, "keys:rotate", "--json", ...options)));
}

const isRecognised = async (customer: Api) =>
  expect((await customer.call("GET", "/api/v1/auth/verify")).status).toBe(200);

test("keys:rotate changes the key of a running product: no session ends, nothing is restarted, and a restart finds all", async () => {
  const env = await productEnvironment(folder.path);
  const keyFile = join(folder.path, "keys", "master.key");
  const first = await startProduct(env);
  const formerKey = (await readFile(keyFile, "utf8")).trim();
  const customer = await register(apiAt(first.apiUrl));
  await createDistribution(customer, "before.example.com", origin.url);

  const { added, rewrapped, former, pruned } = await rotate(env);
  expect(added).not.toBeNull();
  expect(rewrapped).toBeGreaterThan(0);
  expect([former, pruned]).toEqual([[{ values: 0, jobs: 0 }], []]);
  await isRecognised(customer);
  const newcomer = await register(apiAt(first.apiUrl));
  await createDistribution(newcomer, "after.example.com", origin.url);
  await eventually(async () => expect((await view(first.edge, "after.example.com", "/")).status).toBe(200));
  expect(await command(env, "edge:enrol", "another")).toContain("EDGE_ENROLMENT_TOKEN=");

  // Too early: what was sealed a moment ago may not be committed yet.
  expect((await rotate(env, "--prune")).pruned).toEqual([]);
  const long = new Date(Date.now() - SIXTEEN_MINUTES_MS);
  await utimes(keyFile, long, long);
  expect((await rotate(env, "--prune")).pruned).toHaveLength(1);
  expect(await readFile(keyFile, "utf8")).not.toContain(formerKey);
  for (const person of [customer, newcomer]) await isRecognised(person);
  expect(await first.stop()).toBe(0);

  const second = await startProduct(env);
  for (const person of [customer, newcomer]) await isRecognised(person);
  for (const host of ["before.example.com", "after.example.com"]) {
    expect((await view(second.edge, host, "/")).status).toBe(200);
  }
  expect(await second.stop()).toBe(0);
  const { output } = await failToStart({ ...env, MASTER_KEY: formerKey });
  expect(output).toMatch(/sealed with master key .* give the MASTER_KEY/);
  const logs = await readFile(join(folder.path, "logs", "edgewright.log"), "utf8");
  expect(logs).toContain('"path":"/api/v1/auth/register"');
  for (const secret of [formerKey, (await readFile(keyFile, "utf8")).trim(), customer.token, "correct-horse-1"]) {
    expect(logs).not.toContain(secret);
  }
});
