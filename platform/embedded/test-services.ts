// Real services for tests: fast instead of durable, each in a temporary folder that goes with it, and none outlives the
// process of the test.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, type Logger } from "../log.ts";
import { startClickHouse } from "./clickhouse/start.ts";
import { type DebianTools, openDebianTools } from "./debian.ts";
import { type NginxInstallation, openNginx, sidecarNginx } from "./nginx.ts";
import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";
import type { EmbeddedService, EmbeddedSettings } from "./service.ts";

export interface TestService {
  readonly url: string;
  stop(): Promise<void>;
}

const log: Logger = createLogger({ role: "test", level: "silent" });

export function startTestPostgres(): Promise<TestService> {
  return inTemporaryFolder("postgres", startPostgres);
}

export async function startTestRedis(): Promise<TestService> {
  const tools = await testTools();
  return inTemporaryFolder("redis", (settings) => startRedis({ ...settings, command: tools.command("redis-server") }));
}

export function startTestClickHouse(): Promise<TestService> {
  return inTemporaryFolder("clickhouse", startClickHouse);
}

/** Fetched once per machine, not once per checkout. */
export function testTools(): Promise<DebianTools> {
  return openDebianTools({ folder: toolsFolder(), log });
}

function toolsFolder(): string {
  return process.env.EDGEWRIGHT_TOOLS ?? join(homedir(), ".cache/edgewright/tools");
}

export function testNginx(): Promise<NginxInstallation> {
  return openNginx({ path: process.env.NGINX_PATH, openTools: testTools });
}

/** The oldest nginx that an edge may run: no HTTP/3, no `http2` directive, an older Lua. */
export async function oldestTestNginx(): Promise<NginxInstallation> {
  const packages = [
    "libmaxminddb0",
    "libnginx-mod-http-lua",
    "lua-cjson",
    "lua-resty-core",
    "lua-resty-lrucache",
    "lua-unit",
    "nginx",
  ];
  return sidecarNginx(await openDebianTools({ folder: toolsFolder(), packages, suite: "bookworm", log }));
}

/** Newer than the one of `npm start`: its answers about renewals can be moved. */
export async function newestPebble(): Promise<readonly string[]> {
  const tools = await openDebianTools({ folder: toolsFolder(), packages: ["pebble"], suite: "sid", log });
  return tools.command("pebble");
}

export async function inTemporaryFolder<Service extends { readonly part: EmbeddedService["part"] }>(
  name: string,
  start: (settings: EmbeddedSettings) => Promise<Service>,
): Promise<Omit<Service, "part"> & { stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), `edgewright-${name}-`));
  // Started by root, Postgres runs as nobody where it may have no namespace of its own: nobody must come this far.
  chmodSync(folder, 0o755);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const { part, ...service } = await start({ folder, log, durability: "none" });
    return {
      ...service,
      async stop() {
        await part.stop();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}
