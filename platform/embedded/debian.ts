// Programs that npm does not carry (nginx with Lua, Redis, Pebble, a curl with HTTP/3): Debian packages unpacked into a
// folder of ours and run with their own loader. Needs apt, but no root: apt gets a private state, the system's stays as it is.

import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Logger } from "../log.ts";
import { downloadPackages, preparePrivateApt, updateIndex } from "./debian-apt.ts";
import { takeLockFile } from "./lock-file.ts";
import { findProgram, runProgram } from "./program.ts";
import { assertDiskSpace, diskFull, explainDiskFault, type Progress, StartError, saysDiskFull } from "./start-error.ts";

/** The release that has an nginx with HTTP/3, and whose programs run on the one before it. */
const SUITE = "trixie";
const PACKAGES = [
  "curl",
  "libmaxminddb0",
  "libnginx-mod-http-brotli-filter",
  "libnginx-mod-http-lua",
  "lua-cjson",
  "lua-resty-core",
  "lua-resty-lrucache",
  "lua-unit",
  "luajit",
  "nginx",
  "pebble",
  "redis-server",
] as const;
/** Documentation and translations: half of what the packages hold, and nothing that runs. */
const UNUSED = [
  "usr/share/doc",
  "usr/share/man",
  "usr/share/locale",
  "usr/share/info",
  "usr/share/perl",
  "usr/lib/x86_64-linux-gnu/perl",
];
const UNPACK_TIMEOUT_MS = 60_000;
/** Whoever fetches the same packages right now is waited for. */
const LOCK_WAIT_MS = 480_000;
const DISK_BYTES_MIN = 400 * 1024 * 1024;

const LOADERS: Readonly<Record<string, { readonly loader: string; readonly triplet: string }>> = {
  x64: { loader: "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", triplet: "x86_64-linux-gnu" },
  arm64: { loader: "usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1", triplet: "aarch64-linux-gnu" },
};

export interface DebianTools {
  readonly folder: string;
  /** Such as `x86_64-linux-gnu`: the name of the folder that libraries lie in. */
  readonly triplet: string;
  /** The argv to put in front of a program's arguments. `libraries`: folders of its own, beside the usual ones. */
  command(name: string, libraries?: readonly string[]): readonly string[];
  path(relative: string): string;
}

export interface DebianToolsSettings {
  /** Holds one folder per list of packages; may be shared by several processes and checkouts. */
  readonly folder: string;
  /** By default the mirror that this machine's apt uses. */
  readonly mirror?: string | undefined;
  /** The variables of whoever started us: `http_proxy` and its kin count. */
  readonly env?: NodeJS.ProcessEnv;
  /** Other programs than those above, for a peer of the tests. */
  readonly packages?: readonly string[];
  /** Another release of Debian, for a program that this one's lacks. */
  readonly suite?: string;
  readonly log: Logger;
  readonly progress?: Progress;
}

export async function openDebianTools(settings: DebianToolsSettings): Promise<DebianTools> {
  const root = resolve(settings.folder, `debian-${hashOf(settings)}`);
  if (!existsSync(root)) await fetchOnce(root, settings);
  return toolsIn(root);
}

function hashOf({ suite = SUITE, packages = PACKAGES }: DebianToolsSettings): string {
  return createHash("sha256")
    .update([suite, process.arch, ...packages].join(" "))
    .digest("hex")
    .slice(0, 12);
}

function toolsIn(root: string): DebianTools {
  const machine = machineLoader();
  const path = (relative: string) => join(root, relative);
  const usualLibraries = [`usr/lib/${machine.triplet}`, "usr/lib"];
  return {
    folder: root,
    triplet: machine.triplet,
    path,
    command(name, libraries = []) {
      const program = ["usr/bin", "usr/sbin"]
        .map((folder) => path(`${folder}/${name}`))
        .find((file) => existsSync(file));
      if (program === undefined) throw new Error(`there is no ${name} among the Debian tools`);
      const folders = [...usualLibraries, ...libraries].map(path);
      return [path(machine.loader), "--library-path", folders.join(":"), program];
    },
  };
}

function machineLoader() {
  const machine = LOADERS[process.arch];
  if (machine !== undefined && process.platform === "linux") return machine;
  throw new StartError(
    `The embedded nginx and Redis run on Linux (x64, arm64) alone, not on ${process.platform} ${process.arch}: use docker compose there.`,
  );
}

async function fetchOnce(root: string, settings: DebianToolsSettings): Promise<void> {
  machineLoader();
  assertAptPresent();
  try {
    mkdirSync(settings.folder, { recursive: true });
    const lock = await takeLockFile(`${root}.lock`, LOCK_WAIT_MS);
    if ("heldBy" in lock)
      throw new StartError(
        `Process ${lock.heldBy} has been fetching the same tools for too long: stop it and start again.`,
      );
    try {
      if (!existsSync(root)) await fetchInto(root, settings);
    } finally {
      lock.release();
    }
  } catch (error) {
    throw explainDiskFault(error, settings.folder);
  }
}

function assertAptPresent(): void {
  const missing = ["apt-get", "dpkg-deb"].find((name) => findProgram(name) === undefined);
  if (missing === undefined) return;
  throw new StartError(
    `This machine has no ${missing}, so nginx and Redis cannot be fetched: install OpenResty and set NGINX_PATH, REDIS_URL and ACME_DIRECTORY_URL to what you have, or use docker compose.`,
  );
}

async function fetchInto(root: string, settings: DebianToolsSettings): Promise<void> {
  const { folder, log, progress, suite = SUITE, packages = PACKAGES } = settings;
  assertDiskSpace(folder, DISK_BYTES_MIN);
  const startedAt = performance.now();
  const work = `${root}.fetching`;
  try {
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work);
    // The index of a release that still moves ends after a week: for a peer of the tests a standing copy will do.
    const mayBeOld = suite !== SUITE;
    const apt = await preparePrivateApt({ work, suite, mayBeOld, mirror: settings.mirror, env: settings.env });
    progress?.(`reading Debian's package list from ${apt.mirror}`);
    await updateIndex(apt);
    progress?.(`fetching nginx, Redis, Pebble and curl from ${apt.mirror} (27 MB)`);
    await downloadPackages(apt, packages);
    progress?.("unpacking them");
    await unpack(join(work, "cache/archives"), join(work, "root"));
    renameSync(join(work, "root"), root);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  log.info({ folder: root, duration_ms: Math.round(performance.now() - startedAt) }, "debian tools fetched");
}

async function unpack(archives: string, root: string): Promise<void> {
  mkdirSync(root);
  for (const archive of readdirSync(archives).filter((name) => name.endsWith(".deb"))) {
    const { code, output } = await runProgram(["dpkg-deb", "-x", join(archives, archive), root], {
      timeoutMs: UNPACK_TIMEOUT_MS,
    });
    if (code === 0) continue;
    if (saysDiskFull(output)) throw diskFull(root);
    throw new StartError(`The Debian package ${archive} could not be unpacked: ${output.trim()}`);
  }
  for (const folder of ["bin", "lib", "sbin"]) mergeIntoUsr(root, folder);
  for (const folder of UNUSED) rmSync(join(root, folder), { recursive: true, force: true });
}

/** Packages of before trixie still have folders beside `usr` that are one with those in it. */
function mergeIntoUsr(root: string, folder: string): void {
  const from = join(root, folder);
  if (!existsSync(from)) return;
  cpSync(from, join(root, "usr", folder), { recursive: true, verbatimSymlinks: true });
  rmSync(from, { recursive: true });
}
