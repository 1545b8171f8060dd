// Every role of docker-compose.yml runs with the command, the variables and the files that its container would have.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Child } from "../../platform/embedded/child.ts";
import {
  startTestClickHouse,
  startTestPostgres,
  startTestRedis,
  type TestService,
  testNginx,
} from "../../platform/embedded/test-services.ts";
import { type Swift, startSwift } from "../peers/swift.ts";
import {
  baseImages,
  type Container,
  composeConfig,
  dockerfileOf,
  layOutImage,
  type Model,
  readModel,
  runToEnd,
  startContainer,
  writeEnvironmentFile,
} from "./compose.ts";
import { pickPort } from "./ports.ts";
import { temporaryFolder } from "./product.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let model: Model;
let services: { postgres: TestService; redis: TestService; clickhouse: TestService; s3: Swift };
const running: Child[] = [];

beforeAll(async () => {
  folder = await temporaryFolder("compose");
  const environmentFile = join(folder.path, "env");
  writeEnvironmentFile(environmentFile);
  model = await readModel(environmentFile);
  // The one that may fail for what the machine lacks comes first: then nothing else is left running.
  const s3 = await startSwift();
  services = {
    s3,
    postgres: await startTestPostgres(),
    redis: await startTestRedis(),
    clickhouse: await startTestClickHouse(),
  };
  writeFileSync(join(folder.path, "master_key"), randomBytes(32).toString("hex"));
  const { privateKey } = generateKeyPairSync("ed25519");
  writeFileSync(join(folder.path, "feed_signing_key"), privateKey.export({ type: "pkcs8", format: "pem" }));
  for (const name of ["api", "edge"]) layOutImage(dockerfileOf(serviceOf(name)), join(folder.path, `image-${name}`));
});

afterAll(async () => {
  for (const child of running.reverse()) await child.stop();
  for (const service of Object.values(services ?? {})) await service.stop();
  await folder?.remove();
});

function serviceOf(name: string) {
  const service = model.services[name];
  if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
  return service;
}

/** The service's variables; those that name a place get the place's equal on this machine. */
async function containerOf(name: string, here: Readonly<Record<string, string>> = {}): Promise<Container> {
  const service = serviceOf(name);
  const { endpoint, bucket, accessKeyId, secretAccessKey } = services.s3.settings;
  const places: Record<string, string> = {
    DATABASE_URL: services.postgres.url,
    REDIS_URL: services.redis.url,
    CLICKHOUSE_URL: services.clickhouse.url,
    S3_ENDPOINT: endpoint,
    S3_BUCKET: bucket,
    S3_ACCESS_KEY_ID: accessKeyId,
    S3_SECRET_ACCESS_KEY: secretAccessKey,
    ...here,
  };
  const environment = Object.entries(service.environment).map(([variable, value]) => {
    const secret = /^\/run\/secrets\/(\w+)$/.exec(value)?.[1];
    if (secret === undefined) return [variable, places[variable] ?? value];
    expect(service.secrets.map(({ source }) => source)).toContain(secret);
    return [variable, join(folder.path, secret)];
  });
  const image = service.build?.dockerfile.startsWith("openresty") ? "image-edge" : "image-api";
  return {
    name,
    service,
    folder: join(folder.path, image),
    environment: { PATH: process.env.PATH ?? "", LISTEN_HOST: "127.0.0.1", ...Object.fromEntries(environment) },
    logFile: join(folder.path, `${name}.log`),
  };
}

async function start(container: Container): Promise<Child> {
  const child = await startContainer(container);
  running.push(child);
  return child;
}

test("docker compose refuses the file without its passwords, and names one", async () => {
  const { code, output } = await composeConfig("/dev/null");
  expect(code).not.toBe(0);
  // Which of them comes first is chance.
  expect(output).toMatch(/required variable \w+_(PASSWORD|SECRET_ACCESS_KEY) is missing/);
});

test("every image is pinned to a whole version", () => {
  const built = Object.values(model.services).filter((service) => service.build !== undefined);
  const foreign = Object.values(model.services).filter((service) => service.build === undefined);
  const images = [
    ...foreign.map((service) => service.image),
    ...built.flatMap((each) => baseImages(dockerfileOf(each))),
  ];
  expect(images.length).toBeGreaterThan(4);
  for (const image of images) expect(image).toMatch(/:v?\d+\.\d+(\.\d+)*(-[\w.-]+)?$/);
});

test("every service that stays has a health check, and the worker alone the signing key", () => {
  const once = ["migrate", "enrol"];
  for (const [name, service] of Object.entries(model.services)) {
    expect({ name, hasCheck: service.healthcheck !== undefined }).toEqual({ name, hasCheck: !once.includes(name) });
  }
  const holders = Object.entries(model.services).filter(([, { secrets }]) =>
    secrets.some(({ source }) => source === "feed_signing_key"),
  );
  expect(holders.map(([name]) => name)).toEqual(["worker"]);
});

test("migrate, api, worker, scheduler, enrol and edge run, become healthy and end cleanly", async () => {
  const migrated = await runToEnd(await containerOf("migrate"));
  expect(migrated).toMatchObject({ code: 0, output: expect.stringContaining("admin@example.com") });

  const api = String(await pickPort());
  const roles = [
    await start(await containerOf("api", { API_PORT: api })),
    await start(await containerOf("worker", { HEALTH_PORT: String(await pickPort()) })),
    await start(await containerOf("scheduler", { HEALTH_PORT: String(await pickPort()) })),
  ];

  const [http, https] = [await pickPort(), await pickPort()];
  const enrolment = {
    ENROLMENT_FOLDER: folder.path,
    EDGE_GROUP_SETTINGS: JSON.stringify({ listeners: { host: "127.0.0.1", http, https } }),
  };
  const enrolled = await runToEnd(await containerOf("enrol", enrolment));
  expect(enrolled).toMatchObject({ code: 0 });
  expect(readFileSync(join(folder.path, "token"), "utf8")).toMatch(/^\S{20,}\n$/);

  const edge = await containerOf("edge", {
    CONTROL_PLANE_URL: `http://127.0.0.1:${api}`,
    EDGE_HOME: join(folder.path, "edge"),
    EDGE_ENROLMENT_TOKEN_FILE: join(folder.path, "token"),
    EDGE_HEALTH_URL: `http://127.0.0.1:${http}/__edge/health`,
  });
  // The image's OpenResty lies where the agent looks; here it is whatever nginx this machine has.
  const installation = { NGINX_INSTALLATION: JSON.stringify(await testNginx()) };
  roles.push(await start({ ...edge, environment: { ...edge.environment, ...installation } }));

  for (const role of roles.reverse()) {
    await role.stop();
    expect({ name: role.name, ...(await role.exited) }).toEqual({ name: role.name, code: 0, signal: null });
  }
});
