// The product as a stranger starts it: `edgewright up` in a process of its own, on free ports and a folder of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { testTools } from "../../platform/embedded/test-services.ts";
import { pickPort } from "./ports.ts";

export const PROGRAM = new URL("../../bin/edgewright.mjs", import.meta.url).pathname;
const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;

export interface Product {
  readonly dataFolder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly apiUrl: string;
  readonly edge: { readonly httpPort: number; readonly httpsPort: number };
  readonly process: ChildProcess;
  /** What a person has seen so far. */
  output(): string;
  /** As Ctrl-C does; resolves with the exit code. */
  stop(): Promise<number>;
  /** `kill -9` of the parent alone. */
  kill(): Promise<void>;
}

export async function temporaryFolder(name: string): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `edgewright-${name}-`));
  // Started by root, Postgres runs as nobody where it may have no namespace of its own: nobody must come this far.
  await chmod(path, 0o755);
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/** Settings for one product: the same again start it again on the same ports. */
export async function productEnvironment(dataFolder: string): Promise<Record<string, string>> {
  const [api, http, https] = [await pickPort(), await pickPort(), await pickPort()];
  return {
    PATH: process.env.PATH ?? "",
    HOME: process.env.HOME ?? "/tmp",
    DATA_DIR: dataFolder,
    EDGEWRIGHT_TOOLS: dirname((await testTools()).folder),
    API_PORT: String(api),
    EDGE_HTTP_PORT: String(http),
    EDGE_HTTPS_PORT: String(https),
    ADMIN_EMAIL: "admin@example.com",
    ADMIN_PASSWORD: "correct-horse-1",
    // Tests poll from one address as no customer would.
    RATE_LIMIT_PER_MINUTE: "100000",
    RATE_LIMIT_TOKEN_PER_MINUTE: "100000",
    PURGE_ITEMS_PER_MINUTE: "1000000",
    LOGIN_ATTEMPTS_PER_MINUTE: "100000",
  };
}

export async function startProduct(env: Readonly<Record<string, string>>): Promise<Product> {
  const running = launch(env);
  await untilReady(running);
  return {
    ...running,
    dataFolder: env.DATA_DIR ?? "",
    env,
    apiUrl: `http://127.0.0.1:${env.API_PORT}`,
    edge: { httpPort: Number(env.EDGE_HTTP_PORT), httpsPort: Number(env.EDGE_HTTPS_PORT) },
    stop: () => stop(running.process),
    async kill() {
      running.process.kill("SIGKILL");
      await exitOf(running.process);
    },
  };
}

/** A start that is expected to fail: its exit code and everything it said. */
export async function failToStart(env: Readonly<Record<string, string>>): Promise<{ code: number; output: string }> {
  const { process: child, output } = launch(env);
  try {
    return { code: await exitOf(child), output: output() };
  } finally {
    child.kill("SIGTERM");
  }
}

interface Running {
  readonly process: ChildProcess;
  /** Resolves with the line that says so. */
  readonly ready: Promise<string>;
  output(): string;
}

function launch(env: Readonly<Record<string, string>>): Running {
  const child = spawn(process.execPath, [PROGRAM, "up"], { env, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  const ready = new Promise<string>((resolve) => {
    const take = (line: string) => {
      lines.push(line);
      if (line.startsWith("Edgewright is ready")) resolve(line);
    };
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", take);
  });
  return { process: child, ready, output: () => lines.join("\n") };
}

async function untilReady({ process: child, ready, output }: Running): Promise<void> {
  const over = new AbortController();
  const late = wait(READY_TIMEOUT_MS, "late" as const, { signal: over.signal }).catch(() => "over" as const);
  const outcome = await Promise.race([ready, once(child, "exit").then(() => "ended" as const), late]);
  over.abort();
  if (outcome === "late") child.kill("SIGTERM");
  if (outcome === "late" || outcome === "ended")
    throw new Error(`the product did not start (${outcome}):\n${output()}`);
}

async function stop(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null) return child.exitCode;
  child.kill("SIGINT");
  return exitOf(child);
}

async function exitOf(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null) return child.exitCode;
  if (child.signalCode !== null) return -1;
  const [code] = await once(child, "exit", { signal: AbortSignal.timeout(READY_TIMEOUT_MS + STOP_TIMEOUT_MS) });
  return typeof code === "number" ? code : -1;
}
