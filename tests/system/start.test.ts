// Starting, stopping, starting again: what `npm start` promises a stranger.
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startTestClickHouse, startTestPostgres, startTestRedis } from "../../platform/embedded/test-services.ts";
import { leftoversOf } from "../gate/leftovers.ts";
import { apiAt, createDistribution, eventually, register } from "./api.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { failToStart, productEnvironment, startProduct, temporaryFolder } from "./product.ts";
import { view } from "./viewer.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let origin: Origin;
let bystander: ChildProcess;

beforeAll(async () => {
  folder = await temporaryFolder("start");
  origin = await startOrigin();
  bystander = spawn("/bin/sleep", ["600"]);
  await once(bystander, "spawn");
});

afterAll(async () => {
  bystander.kill();
  await origin.stop();
  await folder.remove();
});

const STEPS = ["tools", "dns", "postgres", "redis", "clickhouse", "pebble", "tables", "control plane", "edge"];

const nothingRuns = () => eventually(async () => expect(leftoversOf(folder.path).processes).toEqual([]));

test("each step of a start shows its seconds; Ctrl-C stops everything it started and nothing else; the next start finds the data; kill -9 heals", async () => {
  const env = await productEnvironment(folder.path);
  const first = await startProduct(env);
  for (const step of STEPS) expect(first.output()).toMatch(new RegExp(`^  ${step} .* \\d+\\.\\d s$`, "m"));
  const customer = await register(apiAt(first.apiUrl));
  await createDistribution(customer, "kept.example.com", origin.url);
  await eventually(async () => expect((await view(first.edge, "kept.example.com", "/")).status).toBe(200));
  expect(await first.stop()).toBe(0);
  expect(first.output()).toContain("Edgewright has stopped");
  await nothingRuns();
  expect(bystander.exitCode).toBeNull();

  const second = await startProduct(env);
  expect((await view(second.edge, "kept.example.com", "/")).status).toBe(200);
  const list = z.object({ data: z.array(z.object({ domain: z.string() })) });
  const { data } = await customer.expect(200, list, "GET", "/api/v1/distributions");
  expect(data.map(({ domain }) => domain)).toEqual(["kept.example.com"]);
  const rival = await failToStart({ ...env, API_PORT: "1" });
  expect(rival.code).toBe(1);
  expect(rival.output).toContain("already runs");

  await second.kill();
  await nothingRuns();
  const third = await startProduct(env);
  expect((await view(third.edge, "kept.example.com", "/")).status).toBe(200);
  expect(await third.stop()).toBe(0);
  await nothingRuns();
});

test("a start on a wiped database enrols its edge there, and serves what is new and no more what was", async () => {
  const place = join(folder.path, "wiped");
  const env = await productEnvironment(place);
  const first = await startProduct(env);
  const former = await register(apiAt(first.apiUrl));
  await createDistribution(former, "former.example.com", origin.url);
  await eventually(async () => expect((await view(first.edge, "former.example.com", "/")).status).toBe(200));
  await first.stop();
  await rm(join(place, "postgres"), { recursive: true });
  await rm(join(place, "keys", "feed-signing.pem"));

  const second = await startProduct(env);
  const customer = await register(apiAt(second.apiUrl));
  await createDistribution(customer, "new.example.com", origin.url);
  await eventually(async () => expect((await view(second.edge, "new.example.com", "/")).status).toBe(200));
  await eventually(async () => expect((await view(second.edge, "former.example.com", "/")).status).toBe(421));
  await second.stop();
  await nothingRuns();
});

test("another master key than the database's is one sentence that names the cure", async () => {
  const env = await productEnvironment(join(folder.path, "master-key"));
  await (await startProduct(env)).stop();
  const { code, output } = await failToStart({ ...env, MASTER_KEY: "0".repeat(64) });
  expect(code).toBe(1);
  expect(output).toMatch(/sealed with master key .* give the MASTER_KEY/);
  expect(output).not.toContain("    at ");
  await nothingRuns();
});

test("another signing key takes over from the former one, and the enrolled edge follows it", async () => {
  const place = join(folder.path, "rotation");
  const env = await productEnvironment(place);
  const enrolment = async () => JSON.parse(await readFile(join(place, "edge", "identity", "enrolment.json"), "utf8"));
  const first = await startProduct(env);
  const customer = await register(apiAt(first.apiUrl));
  await createDistribution(customer, "before.example.com", origin.url);
  await eventually(async () => expect((await view(first.edge, "before.example.com", "/")).status).toBe(200));
  await first.stop();
  const before = await enrolment();

  const next = join(place, "keys", "next.pem");
  await writeFile(next, generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }));
  const former = join(place, "keys", "feed-signing.pem");
  const second = await startProduct({
    ...env,
    FEED_SIGNING_KEY_FILE: next,
    FEED_PREVIOUS_SIGNING_KEY_FILE: former,
  });
  await createDistribution(customer, "rotated.example.com", origin.url);
  await eventually(async () => expect((await view(second.edge, "rotated.example.com", "/")).status).toBe(200));
  expect((await view(second.edge, "before.example.com", "/")).status).toBe(200);
  await second.stop();
  const after = await enrolment();
  expect(after.certificate).toBe(before.certificate);
  expect(Object.keys(after.feed_keys)).toHaveLength(2);

  await rm(former);
  const third = await startProduct({ ...env, FEED_SIGNING_KEY_FILE: next });
  for (const host of ["before", "rotated"]) {
    expect((await view(third.edge, `${host}.example.com`, "/")).status).toBe(200);
  }
  await third.stop();
  await nothingRuns();
});

test("services with a URL are used as they are, and none of their kind is started", async () => {
  const place = join(folder.path, "own-services");
  const [postgres, redis, clickhouse] = await Promise.all([
    startTestPostgres(),
    startTestRedis(),
    startTestClickHouse(),
  ]);
  const urls = { DATABASE_URL: postgres.url, REDIS_URL: redis.url, CLICKHOUSE_URL: clickhouse.url };
  const product = await startProduct({ ...(await productEnvironment(place)), ...urls });
  for (const name of ["postgres", "redis", "clickhouse"]) {
    expect(product.output()).toMatch(new RegExp(`${name} +yours at`));
    expect(existsSync(join(place, name))).toBe(false);
  }
  const customer = await register(apiAt(product.apiUrl));
  await createDistribution(customer, "own-services.example.com", origin.url);
  await eventually(async () => expect((await view(product.edge, "own-services.example.com", "/")).status).toBe(200));
  await product.stop();
  for (const service of [postgres, redis, clickhouse]) await service.stop();
});

test("the administrator of a first start can log in, and the password is shown once", async () => {
  const place = join(folder.path, "admin");
  const { ADMIN_EMAIL: _email, ADMIN_PASSWORD: _password, ...env } = await productEnvironment(place);
  const first = await startProduct(env);
  const said = first.output();
  const login = /administrator: (\S+)/.exec(said)?.[1];
  const password = /shown only now\): (\S+)/.exec(said)?.[1];
  const token = z.object({ token: z.string() });
  await apiAt(first.apiUrl).expect(200, token, "POST", "/api/v1/auth/login", { login, password });
  await first.stop();
  const second = await startProduct(env);
  expect(second.output()).not.toContain("shown only now");
  await apiAt(second.apiUrl).expect(200, token, "POST", "/api/v1/auth/login", { login, password });
  await second.stop();
});

test.each(["API_PORT", "EDGE_HTTP_PORT", "EDGE_HTTPS_PORT"])(
  "a taken %s is one sentence that names the cure",
  async (setting) => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await once(squatter, "listening");
    const address = squatter.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const env = await productEnvironment(join(folder.path, "taken"));
    const { code, output } = await failToStart({ ...env, [setting]: String(port) });
    expect(code).toBe(1);
    expect(output).toMatch(new RegExp(`[Pp]ort ${port} .*${setting}`));
    expect(output).not.toContain("    at ");
    squatter.close();
    await nothingRuns();
  },
);

test("a folder that may not be written is one sentence that names the cure", async () => {
  const env = await productEnvironment("/sys/edgewright");
  const { code, output } = await failToStart(env);
  expect(code).toBe(1);
  expect(output).toContain("DATA_DIR");
  expect(output).not.toContain("    at ");
});

/** `up` in a mount namespace of its own, after these commands have changed what it sees of the machine. */
async function failToStartWhere(env: Readonly<Record<string, string>>, commands: readonly string[]) {
  const script = [...commands, `exec ${process.execPath} bin/edgewright.mjs up`].join(" && ");
  // Root may mount as it is; others become root of a namespace of users first.
  const users = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const child = spawn("unshare", [...users, "--mount", "sh", "-c", script], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: FAILURE_TIMEOUT_MS,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text) => {
      output += String(text);
    });
  }
  const [code] = await once(child, "close");
  return { code, output };
}

const FAILURE_TIMEOUT_MS = 60_000;

test("a full disk is one sentence that names the cure", async () => {
  const place = join(folder.path, "full");
  await mkdir(place);
  const env = await productEnvironment(join(place, "data"));
  const { code, output } = await failToStartWhere(env, [`mount -t tmpfs -o size=6m tmpfs ${place}`]);
  expect(code).toBe(1);
  expect(output).toMatch(/disk .* (is full|has less than \d+ MB left): make room there, or set DATA_DIR/);
  expect(output).not.toContain("    at ");
  await nothingRuns();
});

test("on a machine without apt and without root, one sentence names what else would do", async () => {
  const [programs, hidden] = [join(folder.path, "programs"), join(folder.path, "hidden")];
  await mkdir(programs);
  await mkdir(hidden);
  for (const name of ["setpriv", "unshare", "sh", basename(process.execPath)]) {
    await symlink(join(hidden, name), join(programs, name));
  }
  const env = {
    ...(await productEnvironment(join(folder.path, "no-apt"))),
    EDGEWRIGHT_TOOLS: join(folder.path, "empty"),
  };
  const { code, output } = await failToStartWhere(env, [
    `mount --bind /usr/bin ${hidden}`,
    `mount --bind ${programs} /usr/bin`,
  ]);
  expect(code).toBe(1);
  expect(output).toMatch(/apt-get/);
  expect(output).toMatch(/NGINX_PATH/);
  expect(output).not.toContain("    at ");
  await nothingRuns();
});

test("every fault of the configuration is named at once", async () => {
  const env = await productEnvironment(join(folder.path, "faulty"));
  const { code, output } = await failToStart({
    ...env,
    API_PORT: "zero",
    DATABASE_URL: "mysql://x",
    LOG_LEVEL: "loud",
  });
  expect(code).toBe(1);
  for (const setting of ["API_PORT", "DATABASE_URL", "LOG_LEVEL"]) expect(output).toContain(setting);
});
