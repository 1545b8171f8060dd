// An edge agent for tests: on a real nginx, in a temporary home, following a test control plane. Origins are small real
// servers. What tests of this room share.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmod, cp, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileDocument, compileStructure, edgeGroupSettingsSchema } from "../edge-templates/index.ts";
import { exampleDistribution, exampleOrigin } from "../edge-templates/test-examples.ts";
import type { NginxInstallation } from "../platform/embedded/nginx.ts";
import { pickPort } from "../platform/embedded/ports.ts";
import { testNginx } from "../platform/embedded/test-services.ts";
import type { Part } from "../platform/lifecycle.ts";
import { createLogger } from "../platform/log.ts";
import { startAgent } from "./agent.ts";
import { askAsViewer, type Door } from "./apply/viewer-request.ts";
import { type AgentConfig, agentSchema } from "./config.ts";
import { capabilitiesOf } from "./observe/capabilities.ts";
import { endProcesses, findProcesses } from "./observe/nginx-launch.ts";
import type { TestControlPlane } from "./test-control-plane.ts";
import { onSmallDisk } from "./test-small-disk.ts";

const luaFolder = fileURLToPath(new URL("../openresty/lua", import.meta.url));
const mainFile = fileURLToPath(new URL("main.ts", import.meta.url));
const GRACE_MS = 2_000;

export interface TestNode {
  readonly home: string;
  readonly ports: { readonly http: number; readonly https: number };
  readonly installation: NginxInstallation;
  readonly config: AgentConfig;
  /** The lines that the agents of this node logged at warn and above. */
  readonly alarms: string[];
  start(settings?: Partial<AgentConfig>, installation?: NginxInstallation): Promise<Part>;
  /** Lets every user into the home, and copies nginx's Lua to where everybody may read it. */
  openToAll(): Promise<NginxInstallation>;
  /** The agent as a process of its own, which can be killed. */
  spawn(settings?: SpawnSettings, smallDisk?: SmallDisk): SpawnedAgent;
  /** Asks the edge for a path of a host, as a viewer over HTTP. */
  get(host: string, path?: string): Promise<{ status: number; body: string }>;
  structure(settings?: { http?: number; https?: number; parent?: number; documentsMax?: number }): string;
  /** Those that were spawned, without any warning. */
  killAgents(): Promise<void>;
  /** Master and workers at once, as a crash of the machine's memory would. */
  killNginx(): Promise<void>;
  /** Stops the agents that still run, ends nginx, removes the home. */
  remove(): Promise<void>;
}

interface SpawnSettings {
  readonly EDGE_KEEP_SERVING?: string;
  readonly ACCESS_LOG_DISK_FREE_MIN_MB?: string;
}

/** A folder of the home that is a disk of its own, for the agent and its nginx alone. */
export interface SmallDisk {
  readonly folder: "state" | "cache" | "logs";
  readonly kb: number;
}

export interface SpawnedAgent {
  /** Where the test finds the small disk. */
  readonly disk: string;
  /** Without any warning. */
  kill(): Promise<void>;
  /** As a person stops it. */
  end(): Promise<{ code: number | null }>;
}

export async function createTestNode(controlPlane: TestControlPlane): Promise<TestNode> {
  const home = await mkdtemp(join(tmpdir(), "edgewright-agent-"));
  const ports = { http: await pickPort(), https: await pickPort() };
  const installation = await testNginx();
  const agents: Part[] = [];
  const alarms: string[] = [];
  const log = createLogger({
    role: "edge-agent",
    level: "warn",
    destination: {
      write: (line) => void alarms.push(line),
    },
  });
  const processes: ChildProcess[] = [];
  const environment = {
    CONTROL_PLANE_URL: controlPlane.url,
    EDGE_HOME: home,
    EDGE_NAME: "test edge",
    EDGE_ENROLMENT_TOKEN: controlPlane.token,
    NGINX_INSTALLATION: JSON.stringify(installation),
    ALLOW_PRIVATE_ORIGINS: "true",
    EDGE_KEEP_SERVING: "false",
    AGENT_METRICS_ADDRESS: "off",
  };
  const config = agentSchema.parse(environment);

  return {
    home,
    ports,
    installation,
    config,
    alarms,
    start: async (settings = {}, itsInstallation = installation) => {
      const agent = await startAgent({
        config: { ...config, ...settings },
        installation: itsInstallation,
        luaFolder,
        log,
        signal: AbortSignal.timeout(60_000),
      });
      agents.push(agent);
      return {
        name: agent.name,
        stop: async () => {
          agents.splice(agents.indexOf(agent), 1);
          await agent.stop();
        },
      };
    },
    openToAll: async () => {
      await chmod(home, 0o755);
      return { ...installation, ...(await copiedLua(installation, join(home, "lua"))) };
    },
    spawn: (settings = {}, smallDisk) => {
      const program = [process.execPath, "--import", "tsx", mainFile];
      const [command = "", ...args] =
        smallDisk === undefined ? program : onSmallDisk(join(home, smallDisk.folder), smallDisk.kb, program);
      const env = { PATH: process.env.PATH, LOG_LEVEL: "warn", ...environment, ...settings };
      const child = spawn(command, args, { env, stdio: ["ignore", "ignore", "inherit"] });
      processes.push(child);
      return {
        disk: `/proc/${child.pid}/root${join(home, smallDisk?.folder ?? "")}`,
        kill: async () => {
          await ended(child, "SIGKILL");
        },
        end: () => ended(child, "SIGTERM"),
      };
    },
    get: (host, path = "/") => {
      const door: Door = { scheme: "http", host: "127.0.0.1", port: ports.http };
      return askAsViewer({ door, host, path, timeoutMs: 5_000 });
    },
    structure: ({ documentsMax = 30_000, ...listeners } = {}) => {
      const settings = edgeGroupSettingsSchema.parse({
        listeners: { host: "127.0.0.1", ...ports, ...listeners },
        workers: { count: 1 },
        documents: { count_max: documentsMax },
      });
      const group = { id: controlPlane.scope, name: "test", settings, capabilities: capabilitiesOf(installation) };
      return compileStructure({ ...group, ownNames: ["localhost"] }).body;
    },
    killAgents: async () => {
      for (const child of processes.splice(0)) await ended(child, "SIGKILL");
    },
    killNginx: async () => {
      for (const pid of await findProcesses(home)) process.kill(pid, "SIGKILL");
    },
    remove: async () => {
      for (const agent of agents) await agent.stop();
      for (const child of processes) await ended(child, "SIGKILL");
      await endProcesses(home, GRACE_MS);
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function copiedLua(installation: NginxInstallation, to: string) {
  const folderOf = (pattern: string) => /^(\/[^?;]*)\/\?/.exec(pattern)?.[1];
  const [lua, libraries] = [folderOf(installation.luaPath), folderOf(installation.luaCpath)];
  if (lua === undefined || libraries === undefined) return {};
  await cp(lua, join(to, "share"), { recursive: true, dereference: true });
  await cp(libraries, join(to, "lib"), { recursive: true, dereference: true });
  return { luaPath: `${to}/share/?.lua;${to}/share/?/init.lua;;`, luaCpath: `${to}/lib/?.so;;` };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<{ code: number | null }> {
  if (child.exitCode !== null || child.signalCode !== null) return { code: child.exitCode };
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
  return { code: child.exitCode };
}

export interface TestOrigin {
  readonly port: number;
  readonly requests: string[];
  stop(): Promise<void>;
}

export async function startTestOrigin(): Promise<TestOrigin> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? "");
    response.setHeader("cache-control", "max-age=60");
    response.end(`origin says ${request.url}`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    requests,
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export function documentFor(id: string, host: string, origin: { host?: string; port: number }): string {
  const name = origin.host ?? "127.0.0.1";
  return compileDocument({
    ...exampleDistribution,
    id,
    accountId: randomUUID(),
    hosts: [host],
    origins: [
      {
        ...exampleOrigin,
        id: randomUUID(),
        scheme: "http",
        host: name,
        port: origin.port,
        hostHeader: host,
        sni: host,
      },
    ],
  }).body;
}
