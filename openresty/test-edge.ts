// A real edge for tests: an edge home in a temporary folder, furnished as the agent does it, on free ports. What tests
// of other rooms share of nginx.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "undici";
import { z } from "zod";
import type { FeedRecord } from "../agents/contract.ts";
import { frame } from "../agents/contract.ts";
import { capabilitiesOf } from "../agents/observe/capabilities.ts";
import { linkCountryFile } from "../agents/observe/country-file.ts";
import { writeEdgeCertificate } from "../agents/observe/edge-certificate.ts";
import { ensureFallbackCertificate } from "../agents/observe/fallback-certificate.ts";
import { ensureHandshakeKeys } from "../agents/observe/handshake-keys.ts";
import { writeLocalFiles } from "../agents/observe/local-files.ts";
import { writeOriginRoots } from "../agents/observe/origin-roots.ts";
import { compileStructure, type EdgeGroupSettingsPatch, edgeGroupSettingsSchema } from "../edge-templates/index.ts";
import type { NginxInstallation } from "../platform/embedded/nginx.ts";
import { pickPort } from "../platform/embedded/ports.ts";
import { dieWithParent } from "../platform/embedded/program.ts";
import { testNginx } from "../platform/embedded/test-services.ts";

export interface EdgeState {
  readonly trust?: string;
  readonly base?: string;
  readonly journal?: string;
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
}

export interface TestEdgeSettings {
  /** Default: that of the tests. */
  readonly nginx?: NginxInstallation;
  readonly state?: EdgeState;
  readonly documentsMax?: number;
  readonly workers?: number;
  readonly cache?: EdgeGroupSettingsPatch["cache"];
  readonly logs?: EdgeGroupSettingsPatch["logs"];
  /** Which address it listens on; default: 127.0.0.1. */
  readonly host?: string;
  /** Its place among other edges. */
  readonly group?: {
    readonly id: string;
    readonly parentPort?: number;
    readonly parentGroupId?: string;
    readonly identity: Parameters<typeof writeEdgeCertificate>[1];
  };
  /** A file that tells countries. */
  readonly countryFile?: string;
  /** A PEM file: whose certificates of https origins are right. Default: the system's authorities. */
  readonly originRoots?: string;
  /** A folder of Lua specs: the control socket then runs one at `GET /spec?spec=<name>`. */
  readonly specs?: string;
}

export interface ControlReply {
  readonly status: number;
  readonly body: unknown;
}

export interface TestEdge {
  readonly home: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly controlSocket: string;
  control(
    method: "GET" | "POST" | "PUT",
    path: string,
    body?: string,
    headers?: Record<string, string>,
  ): Promise<ControlReply>;
  /** Pushes records as the agent does; `applied` is the last one's revision unless said otherwise. */
  apply(records: readonly FeedRecord[], options?: { applied?: number; feedId?: string }): Promise<ControlReply>;
  pin(addresses: Readonly<Record<string, readonly string[]>>): Promise<void>;
  state(): Promise<z.output<typeof stateSchema>>;
  writeState(state: EdgeState): Promise<void>;
  errorLog(): Promise<string>;
  /** Resolves when only workers of the new configuration are left to answer. */
  reload(): Promise<void>;
  /** The process id of nginx's master. */
  master(): number;
  /** Those of its workers. */
  workers(): Promise<number[]>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const LUA_FOLDER = fileURLToPath(new URL("lua", import.meta.url));
const SOCKETS = ["control.sock", "inner.sock", "relay.sock"];
const STOP_WITHIN_MS = 10_000;
const READY_WITHIN_MS = 20_000;
const CALL_TIMEOUT_MS = 20_000;
const POLL_MS = 10;

const stateSchema = z.object({
  boot_id: z.uuid(),
  feed_id: z.string().nullable(),
  applied: z.int(),
  structure: z.int(),
  documents: z.int(),
  document_bytes: z.int(),
  document_bytes_max: z.int(),
  probe_secret: z.string().min(32),
  refused: z.array(
    z.object({ kind: z.string(), id: z.string(), rev: z.int(), stage: z.string(), message: z.string() }),
  ),
});
const structureSchema = z.object({ files: z.array(z.object({ path: z.string(), text: z.string() })) });

export async function startTestEdge(settings: TestEdgeSettings = {}): Promise<TestEdge> {
  const installation = settings.nginx ?? (await testNginx());
  const home = await mkdtemp(join(tmpdir(), "edgewright-edge-"));
  const [httpPort, httpsPort] = [await pickPort(), await pickPort()];
  const controlSocket = join(home, "run", "control.sock");
  const edge = { home, httpPort, httpsPort, controlSocket };
  await writeLocalFiles(home, installation, LUA_FOLDER);
  await linkCountryFile(home, settings.countryFile);
  await ensureFallbackCertificate(join(home, "tls"), "edgewright.localhost");
  await ensureHandshakeKeys(join(home, "tls"));
  await writeOriginRoots(join(home, "tls"), settings.originRoots);
  if (settings.group !== undefined) await writeEdgeCertificate(join(home, "tls"), settings.group.identity);
  await writeStructure(edge, settings, capabilitiesOf(installation));
  await writeState(home, settings.state ?? {});

  const control: TestEdge["control"] = (method, path, body, headers) =>
    callControl(controlSocket, { method, path, body, headers });
  let nginx: ChildProcess | undefined;
  async function start(): Promise<void> {
    nginx = spawnNginx(installation.command, home);
    await Promise.race([untilAnswers(controlSocket), failureOf(nginx, home)]);
  }
  const end = async () => {
    if (nginx !== undefined) await endNginx(nginx);
    for (const name of SOCKETS) await rm(join(home, "run", name), { force: true });
  };
  const remove = async () => {
    await end();
    await rm(home, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    ...edge,
    control,
    apply: (records, { applied = records.at(-1)?.rev ?? 0, feedId } = {}) =>
      control("POST", "/apply", records.map(frame).join(""), {
        "x-edge-applied": `${applied}`,
        ...(feedId === undefined ? {} : { "x-edge-feed": feedId }),
      }),
    async pin(addresses) {
      const { status, body } = await control("PUT", "/addresses", JSON.stringify(addresses));
      if (status !== 200) throw new Error(`addresses were not taken: ${JSON.stringify(body)}`);
    },
    state: async () => stateSchema.parse((await control("GET", "/state")).body),
    writeState: (state) => writeState(home, state),
    errorLog: () => readFile(join(home, "logs", "error.log"), "utf8"),
    reload: async () => {
      if (nginx?.pid !== undefined) await reload(nginx.pid);
    },
    master: () => nginx?.pid ?? 0,
    workers: () => workersOf(nginx?.pid ?? 0),
    async restart() {
      await end();
      await start();
    },
    stop: remove,
  };
}

async function writeStructure(
  { home, httpPort, httpsPort }: Pick<TestEdge, "home" | "httpPort" | "httpsPort">,
  settings: TestEdgeSettings,
  capabilities: ReturnType<typeof capabilitiesOf>,
): Promise<void> {
  const { body } = compileStructure({
    id: settings.group?.id ?? randomUUID(),
    name: "test",
    settings: edgeGroupSettingsSchema.parse({
      listeners: {
        host: settings.host ?? "127.0.0.1",
        http: httpPort,
        https: httpsPort,
        parent: settings.group?.parentPort ?? null,
      },
      parent_group_id: settings.group?.parentGroupId ?? null,
      cache: settings.cache ?? { zone_mb: 4, disk_max_gb: 1 },
      logs: settings.logs ?? {},
      documents: { count_max: settings.documentsMax ?? 2000 },
      workers: { count: settings.workers ?? 1 },
    }),
    capabilities,
    ownNames: ["localhost", "127.0.0.1"],
  });
  await mkdir(join(home, "structure", "1"), { recursive: true });
  for (const { path, text } of structureSchema.parse(JSON.parse(body)).files) {
    await writeFile(
      join(home, "structure", "1", path),
      path === "control.conf" ? withSpecs(text, settings.specs) : text,
    );
  }
  await symlink("structure/1", join(home, "current"));
}

/** Adds the location that runs specs; they look for each other and for luaunit where the modules are looked for. */
function withSpecs(controlConf: string, specs: string | undefined): string {
  if (specs === undefined) return controlConf;
  const run = `package.path = "${specs}/?.lua;" .. package.path; dofile("${specs}/run.lua")`;
  return controlConf.replace("location / {", `location = /spec { content_by_lua_block { ${run} } }\n  location / {`);
}

async function writeState(home: string, { trust, base, journal, addresses }: EdgeState): Promise<void> {
  const folder = join(home, "state");
  if (trust !== undefined) await writeFile(join(folder, "trust.json"), trust);
  if (base !== undefined) await writeFile(join(folder, "base"), base);
  if (journal !== undefined) await writeFile(join(folder, "journal"), journal);
  if (addresses !== undefined) await writeFile(join(folder, "addresses"), addressLines(addresses));
}

function addressLines(addresses: NonNullable<EdgeState["addresses"]>): string {
  return Object.entries(addresses)
    .map(([origin, list]) => `${[origin, ...list].join(" ")}\n`)
    .join("");
}

async function callControl(
  socketPath: string,
  {
    method,
    path,
    body,
    headers,
  }: {
    method: "GET" | "POST" | "PUT";
    path: string;
    body: string | undefined;
    headers: Record<string, string> | undefined;
  },
): Promise<ControlReply> {
  const client = new Client("http://localhost", { socketPath });
  try {
    const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
    const reply = await client.request({ method, path, body: body ?? null, headers: headers ?? {}, signal });
    const text = await reply.body.text();
    return {
      status: reply.statusCode,
      body: reply.headers["content-type"] === "application/json" ? JSON.parse(text) : text,
    };
  } finally {
    await client.destroy();
  }
}

async function untilAnswers(controlSocket: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    const up = await callControl(controlSocket, {
      method: "GET",
      path: "/state",
      body: undefined,
      headers: undefined,
    }).catch(() => undefined);
    if (up?.status === 200) return;
    await pause();
  }
  throw new Error("the edge did not answer on its control socket");
}

async function reload(master: number): Promise<void> {
  const before = new Set(await workersOf(master));
  process.kill(master, "SIGHUP");
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    const workers = await workersOf(master);
    if (workers.length > 0 && workers.every((pid) => !before.has(pid))) return;
    await pause();
  }
  throw new Error("the old workers did not end");
}

/** Dies with the test, even a killed one. nginx takes the paths of sockets relative to its working directory. */
function spawnNginx(command: readonly string[], home: string): ChildProcess {
  const argv = [...command, "-p", `${home}/`, "-e", "logs/error.log", "-c", "current/nginx.conf", "-g", "daemon off;"];
  const [program = "", ...args] = [...dieWithParent("SIGTERM"), ...argv];
  return spawn(program, args, {
    cwd: home,
    stdio: "ignore",
  });
}

async function failureOf(nginx: ChildProcess, home: string): Promise<never> {
  await once(nginx, "exit");
  throw new Error(`nginx ended by itself: ${await readFile(join(home, "logs", "error.log"), "utf8").catch(() => "")}`);
}

async function endNginx(nginx: ChildProcess): Promise<void> {
  if (nginx.exitCode !== null || nginx.signalCode !== null) return;
  const exited = once(nginx, "exit", { signal: AbortSignal.timeout(STOP_WITHIN_MS) });
  nginx.kill("SIGTERM");
  await exited;
}

/** Worker processes of a master, those of its cache manager aside. */
async function workersOf(master: number): Promise<number[]> {
  const children = (await readFile(`/proc/${master}/task/${master}/children`, "utf8"))
    .trim()
    .split(" ")
    .filter(Boolean);
  const titles = await Promise.all(
    children.map(async (pid) => ({
      pid: Number(pid),
      title: await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
    })),
  );
  return titles.filter(({ title }) => title.includes("worker process")).map(({ pid }) => pid);
}

const pause = () => new Promise((resolve) => setTimeout(resolve, POLL_MS));
