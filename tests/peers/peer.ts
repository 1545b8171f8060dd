// What the other caches have in common: packages of Debian, and processes on one core that answer on a port.
import { once } from "node:events";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { type Child, startChild } from "../../platform/embedded/child.ts";
import { type DebianTools, openDebianTools } from "../../platform/embedded/debian.ts";
import { findProgram, runProgram } from "../../platform/embedded/program.ts";
import { testTools } from "../../platform/embedded/test-services.ts";
import { createLogger } from "../../platform/log.ts";

export interface PeerSettings {
  /** Where on this machine its origin listens. */
  readonly originPort: number;
  /** The one processor it may use; default: all. */
  readonly core?: number;
  /** Keeps nothing that its origin says nothing of, and nothing beyond its time. */
  readonly isByTheBook?: boolean;
  /** Where it is to listen. */
  readonly port: number;
  /** An empty folder of its own. */
  readonly folder: string;
}

export interface StartedPeer {
  /** As the program says it. */
  readonly version: string;
  readonly processes: readonly Child[];
}

const VERSION_TIMEOUT_MS = 10_000;
const NOBODY = 65534;
const log = createLogger({ role: "test", level: "silent" });

/** Fetched once per machine. */
export async function peerTools(program: string, suite?: string): Promise<DebianTools> {
  const folder = dirname((await testTools()).folder);
  return openDebianTools({ folder, packages: [program], ...(suite === undefined ? {} : { suite }), log });
}

interface PeerProcess {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** It serves nobody as root. */
  readonly isUnprivileged?: boolean;
  /** Where it listens; default: it does not. */
  readonly port?: number;
}

export function startPeerProcess({ core, folder }: PeerSettings, wanted: PeerProcess): Promise<Child> {
  const { name, command, env, isUnprivileged = false, port } = wanted;
  return startChild({
    name,
    command,
    wrapper: [...pinnedTo(core), ...(isUnprivileged ? asNobody() : [])],
    ...(env === undefined ? {} : { env }),
    folder,
    logFile: join(folder, `${name}.out`),
    ready: port === undefined ? { kind: "spawned" } : { kind: "answer", ask: () => isListening(port) },
    log,
  });
}

function pinnedTo(core: number | undefined): readonly string[] {
  return core === undefined ? [] : ["taskset", "--cpu-list", String(core)];
}

/** Root under another number, who owns what root owns. */
function asNobody(): readonly string[] {
  if (process.geteuid?.() !== 0) return [];
  const unshare = findProgram("unshare");
  if (unshare === undefined) throw new Error("root needs util-linux's unshare to run programs that refuse to be root");
  return [unshare, "--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, "--"];
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } finally {
    socket.destroy();
  }
}

/** The first group of the pattern, in what the command prints. */
export async function versionOf(command: readonly string[], pattern: RegExp): Promise<string> {
  const { output } = await runProgram(command, { timeoutMs: VERSION_TIMEOUT_MS });
  const version = pattern.exec(output)?.[1];
  if (version === undefined) throw new Error(`${command.at(-2)} did not tell its version: ${output.slice(0, 200)}`);
  return version;
}
