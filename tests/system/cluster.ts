// The product as many processes, each role by its own command, so that a test can kill one and watch the others.
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { endProcesses } from "../../agents/observe/nginx-launch.ts";
import { startClickHouse } from "../../platform/embedded/clickhouse/start.ts";
import type { NginxInstallation } from "../../platform/embedded/nginx.ts";
import { startPostgres } from "../../platform/embedded/postgres.ts";
import { startRedis } from "../../platform/embedded/redis.ts";
import { testNginx, testTools } from "../../platform/embedded/test-services.ts";
import type { Part } from "../../platform/lifecycle.ts";
import { createLogger } from "../../platform/log.ts";
import { pickPort } from "./ports.ts";
import { PROGRAM } from "./product.ts";

const EXIT_TIMEOUT_MS = 30_000;
const READY_TIMEOUT_MS = 60_000;
const NGINX_GRACE_MS = 3_000;

type Environment = Record<string, string>;
export type ServiceName = "postgres" | "redis" | "clickhouse";
export type RoleName = "server:start" | "worker:start" | "schedule:start" | "agent:start";

export interface Cluster {
  readonly apiUrl: string;
  readonly edge: { readonly httpPort: number; readonly httpsPort: number };
  readonly env: Readonly<Environment>;
  readonly folder: string;
  start(name: ServiceName | RoleName): Promise<void>;
  /** Services stop as they do at a shutdown; roles are killed with -9. */
  kill(name: ServiceName | RoleName): Promise<void>;
  command(...args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

export async function startCluster(
  folder: string,
  {
    nginx = testNginx,
    settings: more = async () => ({}),
  }: {
    readonly nginx?: () => Promise<NginxInstallation>;
    /** More of what every role is told, by where the edge will listen. */
    readonly settings?: (edge: Cluster["edge"]) => Promise<Readonly<Environment>>;
  } = {},
): Promise<Cluster> {
  const log = createLogger({ role: "test", level: "silent" });
  const tools = await testTools();
  const [apiPort, httpPort, httpsPort] = [await pickPort(), await pickPort(), await pickPort()];
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const own = (name: string) => ({ folder: join(folder, name), log, durability: "none" as const });
  const starters: Record<ServiceName, () => Promise<{ url: string; part: Part }>> = {
    postgres: () => startPostgres(own("postgres")),
    redis: () => startRedis({ ...own("redis"), command: tools.command("redis-server") }),
    clickhouse: () => startClickHouse(own("clickhouse")),
  };
  const services = new Map<string, Part>();
  const roles = new Map<string, ChildProcess>();

  async function startService(name: ServiceName): Promise<string> {
    const { url, part } = await starters[name]();
    services.set(name, part);
    return url;
  }

  const env: Environment = {
    PATH: process.env.PATH ?? "",
    TMPDIR: process.env.TMPDIR ?? "/tmp",
    DATA_DIR: join(folder, "data"),
    DATABASE_URL: await startService("postgres"),
    REDIS_URL: await startService("redis"),
    CLICKHOUSE_URL: await startService("clickhouse"),
    API_PORT: String(apiPort),
    LISTEN_HOST: "127.0.0.1",
    ALLOW_PRIVATE_ORIGINS: "true",
    // Tests poll from one address as no customer would.
    RATE_LIMIT_PER_MINUTE: "100000",
    RATE_LIMIT_TOKEN_PER_MINUTE: "100000",
    LOGIN_ATTEMPTS_PER_MINUTE: "100000",
    MASTER_KEY: randomBytes(32).toString("hex"),
    FEED_SIGNING_KEY_FILE: writeSigningKey(folder),
    CONTROL_PLANE_URL: apiUrl,
    EDGE_HOME: join(folder, "edge"),
    EDGE_NAME: "edge-1",
    AGENT_METRICS_ADDRESS: "off",
    NGINX_INSTALLATION: JSON.stringify(await nginx()),
    ...(await more({ httpPort, httpsPort })),
  };

  function launch(args: readonly string[], output: "pipe" | number): ChildProcess {
    return spawn(process.execPath, [PROGRAM, ...args], { env, stdio: ["ignore", output, output] });
  }

  async function startRole(name: RoleName): Promise<void> {
    const child = launch([name], openSync(join(folder, `${name.replace(":", "-")}.log`), "a"));
    roles.set(name, child);
    if (name === "server:start") await untilAnswers(child, name, `${apiUrl}/health`);
    if (name === "agent:start") await untilAnswers(child, name, `http://127.0.0.1:${httpPort}/__edge/health`);
  }

  async function command(...args: readonly string[]): Promise<string> {
    const child = launch(args, "pipe");
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => (said += String(text)));
    const [code] = await once(child, "close", { signal: AbortSignal.timeout(EXIT_TIMEOUT_MS) });
    if (code !== 0) throw new Error(`edgewright ${args.join(" ")} failed (${code}): ${said}`);
    return said;
  }

  const isService = (name: string): name is ServiceName => name in starters;
  const cluster: Cluster = {
    apiUrl,
    edge: { httpPort, httpsPort },
    env,
    folder,
    command,
    start: async (name) => {
      if (isService(name)) await startService(name);
      else await startRole(name);
    },
    kill: async (name) => {
      if (isService(name)) return services.get(name)?.stop();
      await endRole(roles.get(name), "SIGKILL");
    },
    stop: async () => {
      for (const role of [...roles.values()].reverse()) await endRole(role, "SIGTERM");
      // It serves on without its agent, as it should; the test is what ends here.
      await endProcesses(join(folder, "edge"), NGINX_GRACE_MS);
      for (const service of [...services.values()].reverse()) await service.stop();
    },
  };

  try {
    await command("migrate");
    await startRole("worker:start");
    await startRole("server:start");
    await startRole("schedule:start");
    const settings = { listeners: { host: "127.0.0.1", http: httpPort, https: httpsPort } };
    const enrolled = await command("edge:enrol", "test", "--settings", JSON.stringify(settings), "--json");
    env.EDGE_ENROLMENT_TOKEN = z.object({ token: z.string() }).parse(JSON.parse(enrolled)).token;
    await startRole("agent:start");
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function writeSigningKey(folder: string): string {
  const path = join(folder, "feed-signing.pem");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }), {
    mode: 0o600,
  });
  return path;
}

async function untilAnswers(child: ChildProcess, name: string, url: string): Promise<void> {
  const giveUpAt = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1000) }).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok === true) return;
    if (child.exitCode !== null) throw new Error(`${name} ended at its start with ${child.exitCode}`);
    if (performance.now() > giveUpAt) throw new Error(`${name} was not ready in time`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function endRole(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit", { signal: AbortSignal.timeout(EXIT_TIMEOUT_MS) });
}
