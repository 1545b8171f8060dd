// Which nginx with Lua there is on this machine, and what it can do: an installed OpenResty, or the one of the Debian tools.
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import type { DebianTools } from "./debian.ts";
import { findProgram, runProgram } from "./program.ts";
import { StartError } from "./start-error.ts";

/** Travels to the agent as JSON in its environment. */
export const nginxInstallationSchema = z.object({
  /** Stands in front of nginx's own arguments. */
  command: z.array(z.string()).min(1),
  /** Absolute paths for `load_module`, in order; none where Lua is compiled in. */
  modules: z.array(z.string()),
  /** For `lua_package_path` and `lua_package_cpath`; put your own folders in front. */
  luaPath: z.string(),
  luaCpath: z.string(),
  capabilities: z.object({
    nginx: z.string(),
    http3: z.boolean(),
    balancer_keepalive: z.boolean(),
    brotli: z.boolean(),
  }),
});
export type NginxInstallation = z.infer<typeof nginxInstallationSchema>;

const VERSION_TIMEOUT_MS = 10_000;
const LUA_MODULE = "ngx_http_lua_module.so";
const LUA_MODULES = ["ndk_http_module.so", LUA_MODULE];
const BROTLI_MODULE = "ngx_http_brotli_filter_module.so";

/** The one that is named, else an installed OpenResty, else the Debian tools'. */
export async function openNginx(settings: {
  path: string | undefined;
  openTools: () => Promise<DebianTools>;
}): Promise<NginxInstallation> {
  if (settings.path !== undefined) return installedNginx(settings.path);
  const openresty = findOpenResty();
  return openresty === undefined ? sidecarNginx(await settings.openTools()) : installedNginx(openresty);
}

function findOpenResty(): string | undefined {
  const packaged = "/usr/local/openresty/nginx/sbin/nginx";
  return existsSync(packaged) ? packaged : findProgram("openresty");
}

/** An OpenResty, or any nginx with Lua compiled in and lua-resty-core where its Lua looks. */
export async function installedNginx(path: string): Promise<NginxInstallation> {
  assertExecutable(path);
  const { version, configured } = await describeNginx([path]);
  if (!/lua/i.test(configured)) {
    throw new StartError(
      `The nginx at ${path} has no Lua: name an OpenResty by NGINX_PATH, or unset it to use the embedded one.`,
    );
  }
  return {
    command: [path],
    modules: [],
    luaPath: ";;",
    luaCpath: ";;",
    capabilities: capabilitiesOf({
      version,
      configured,
      luaProgram: path,
      brotli: /--add-module=\S*brotli/.test(configured),
    }),
  };
}

function assertExecutable(path: string): void {
  try {
    accessSync(path, constants.X_OK);
  } catch (error) {
    throw new StartError(
      `NGINX_PATH names ${path}, which is no program that this user may run: correct it, or unset it.`,
      { cause: error },
    );
  }
}

/** The nginx among unpacked Debian packages; older releases have no brotli beside it. */
export async function sidecarNginx(tools: DebianTools): Promise<NginxInstallation> {
  const command = tools.command("nginx");
  const { version, configured } = await describeNginx(command);
  const lua = tools.path("usr/share/lua/5.1");
  const module = (name: string) => tools.path(`usr/lib/nginx/modules/${name}`);
  const brotli = existsSync(module(BROTLI_MODULE));
  return {
    command: [...command],
    modules: [...LUA_MODULES, ...(brotli ? [BROTLI_MODULE] : [])].map(module),
    luaPath: `${lua}/?.lua;${lua}/?/init.lua;;`,
    luaCpath: `${tools.path(`usr/lib/${tools.triplet}/lua/5.1`)}/?.so;;`,
    capabilities: capabilitiesOf({ version, configured, luaProgram: module(LUA_MODULE), brotli }),
  };
}

interface Described {
  readonly version: string;
  readonly configured: string;
  /** The file that holds the Lua module. */
  readonly luaProgram: string;
  readonly brotli: boolean;
}

/** The Lua module tells nobody its version: whether it knows a directive is read off its strings. */
function capabilitiesOf({ version, configured, luaProgram, brotli }: Described): NginxInstallation["capabilities"] {
  return {
    nginx: version,
    http3: configured.includes("--with-http_v3_module"),
    balancer_keepalive: readFileSync(luaProgram).includes("balancer_keepalive"),
    brotli,
  };
}

async function describeNginx(command: readonly string[]): Promise<{ version: string; configured: string }> {
  const { code, output } = await runProgram([...command, "-V"], { timeoutMs: VERSION_TIMEOUT_MS });
  const version = /nginx version: [^/]+\/(\S+)/.exec(output)?.[1];
  if (code === 0 && version !== undefined) return { version, configured: output };
  throw new StartError(
    `${command.at(-1)} does not run as an nginx (${output.trim().split("\n").at(-1)}): correct NGINX_PATH, or unset it.`,
  );
}
