// Free ports for the embedded services, and a clear word when a port that somebody chose is taken.
import { createSocket } from "node:dgram";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { basename } from "node:path";
import { errorCode, StartError } from "./start-error.ts";
import { writeWholeFile } from "./whole-file.ts";

const LOOPBACK = "127.0.0.1";

/** A free loopback port. The one stored in the file is taken again while it is free, so that addresses last. */
export async function pickPort(storedIn?: string): Promise<number> {
  const stored = storedIn === undefined ? undefined : readStoredPort(storedIn);
  if (stored !== undefined && (await tryTcp(stored, LOOPBACK)).kind === "free") return stored;
  const tried = await tryTcp(0, LOOPBACK);
  if (tried.kind === "refused") throw new StartError(`No free port on ${LOOPBACK}: ${tried.code}.`);
  if (storedIn !== undefined) writeWholeFile(storedIn, `${tried.port}\n`);
  return tried.port;
}

const ATTEMPTS = 3;

/** Starts a service on a free port; once more on another one when somebody took it in the moment between. */
export async function onFreePort<T>(storedIn: string, start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await pickPort(storedIn));
    } catch (error) {
      const taken = error instanceof StartError && /address already in use|EADDRINUSE/i.test(error.message);
      if (!taken || attempt === ATTEMPTS) throw error;
    }
  }
}

function readStoredPort(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const port = Number.parseInt(readFileSync(file, "utf8"), 10);
  return port >= 1 && port <= 65535 ? port : undefined;
}

/** `setting` is the variable that chooses the port: the cure. */
export async function assertPortFree(wanted: {
  port: number;
  setting: string;
  protocol?: "tcp" | "udp";
  host?: string;
}): Promise<void> {
  const { port, setting, protocol = "tcp", host = "0.0.0.0" } = wanted;
  const tried = protocol === "tcp" ? await tryTcp(port, host) : await tryUdp(port, host);
  if (tried.kind === "free") return;
  const name = protocol === "tcp" ? `Port ${port}` : `UDP port ${port}`;
  if (tried.code === "EADDRINUSE") {
    const holder = describeHolder(port, protocol);
    throw new StartError(`${name} is taken by ${holder}: stop it, or set ${setting} to another port.`);
  }
  if (tried.code === "EACCES") {
    throw new StartError(
      `${name} needs a right that this user lacks: set ${setting} to a port from 1024 up, or run as root.`,
    );
  }
  throw new StartError(`${name} on ${host} cannot be used (${tried.code}): set ${setting} to another port.`);
}

type Tried = { readonly kind: "free"; readonly port: number } | { readonly kind: "refused"; readonly code: string };

function tryTcp(port: number, host: string): Promise<Tried> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", (error) => resolve({ kind: "refused", code: errorCode(error) ?? error.message }));
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      server.close(() => resolve({ kind: "free", port: bound }));
    });
  });
}

function tryUdp(port: number, host: string): Promise<Tried> {
  const socket = createSocket("udp4");
  return new Promise((resolve) => {
    socket.once("error", (error) => {
      socket.close();
      resolve({ kind: "refused", code: errorCode(error) ?? error.message });
    });
    socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve({ kind: "free", port })));
  });
}

/** Who holds a port, as well as this user may know: only root sees the processes of others. */
function describeHolder(port: number, protocol: "tcp" | "udp"): string {
  const inodes = socketInodes(port, protocol);
  const pid = inodes.size === 0 ? undefined : findHolder(inodes);
  if (pid === undefined) return "another process";
  return `process ${pid} (${programOf(pid)})`;
}

/** The Debian tools run by their own loader: there the program is the loader's argument. */
function programOf(pid: string): string {
  const name = readText(`/proc/${pid}/comm`).trim();
  if (!name.startsWith("ld-linux")) return name;
  const [first = "", , , program = ""] = readText(`/proc/${pid}/cmdline`).split("\0");
  return /^nginx: /.test(first) ? "nginx" : basename(program);
}

// /proc/net/tcp: local address and port in hex, state 0A = listening, inode in the tenth column. UDP has no such state.
function socketInodes(port: number, protocol: "tcp" | "udp"): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = new Set<string>();
  for (const table of [`/proc/net/${protocol}`, `/proc/net/${protocol}6`]) {
    for (const line of readText(table).split("\n").slice(1)) {
      const [, local = "", , state = "", , , , , , inode = ""] = line.trim().split(/\s+/);
      if (local.endsWith(suffix) && (protocol === "udp" || state === "0A")) inodes.add(`socket:[${inode}]`);
    }
  }
  return inodes;
}

function findHolder(inodes: ReadonlySet<string>): string | undefined {
  const pids = existsSync("/proc") ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
  return pids.find((pid) => holdsSocket(pid, inodes));
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((descriptor) => inodes.has(linkTarget(`${folder}/${descriptor}`)));
  } catch {
    return false; // ended meanwhile, or another user's
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
