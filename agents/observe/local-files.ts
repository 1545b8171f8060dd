// What the agent, not the control plane, decides about nginx: where its modules and Lua lie and whom it runs as.
import { chown, mkdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { NginxInstallation } from "../../platform/embedded/nginx.ts";
import { writeDurably } from "../durable-file.ts";

/** Debian's nobody and nogroup: there on every system, owner of nothing. */
const NOBODY = { uid: 65534, gid: 65534 };
const UNPRIVILEGED_USER = "user nobody nogroup;";

/** Makes the folders of an edge home and writes local/*.conf. */
export async function writeLocalFiles(home: string, installation: NginxInstallation, luaFolder: string): Promise<void> {
  for (const name of ["local", "structure", "state", "logs", "cache"])
    await mkdir(join(home, name), { recursive: true, mode: 0o755 });
  await mkdir(join(home, "run"), { recursive: true, mode: 0o700 });
  const user = await workerUser([home, luaFolder, ...luaFolders(installation)]);
  if (user.uid !== undefined) await chown(join(home, "run"), user.uid, user.gid);
  const modules = installation.modules.map((path) => `load_module ${quote(path)};`);
  await writeDurably(
    join(home, "local", "modules.conf"),
    [...modules, ...user.lines, "pid run/nginx.pid;", ""].join("\n"),
    0o644,
  );
  await writeDurably(join(home, "local", "http.conf"), luaPaths(installation, luaFolder), 0o644);
}

function luaPaths({ luaPath, luaCpath }: NginxInstallation, luaFolder: string): string {
  return [
    `lua_package_path ${quote(`${luaFolder}/?.lua;${luaPath}`)};`,
    `lua_package_cpath ${quote(luaCpath)};`,
    "",
  ].join("\n");
}

/** Where the installation's Lua lies: `/folder/?.lua;/folder/?.so;;` */
function luaFolders({ luaPath, luaCpath }: NginxInstallation): string[] {
  const patterns = `${luaPath};${luaCpath}`.split(";").filter((pattern) => pattern.startsWith("/"));
  return [...new Set(patterns.map((pattern) => dirname(pattern.slice(0, pattern.indexOf("?") + 1))))];
}

type WorkerUser = { uid: number; gid: number; lines: string[] } | { uid: undefined; lines: string[] };

/**
 * Started by root, workers become nobody, who owns nothing else. Where nobody cannot even reach the files (a home below
 * /root), they stay root: an edge that cannot open its own socket serves nothing.
 */
async function workerUser(needed: readonly string[]): Promise<WorkerUser> {
  if (process.getuid?.() !== 0) return { uid: undefined, lines: [] };
  const passable = await Promise.all(needed.map(mayPass));
  return passable.every((may) => may)
    ? { ...NOBODY, lines: [UNPRIVILEGED_USER] }
    : { uid: 0, gid: 0, lines: ["user root;"] };
}

async function mayPass(path: string): Promise<boolean> {
  const folder = resolve(path);
  const { mode } = await stat(folder);
  if ((mode & 0o001) === 0) return false;
  return dirname(folder) === folder || (await mayPass(dirname(folder)));
}

/** These two directives take no variables, so a dollar sign stands for itself. */
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
