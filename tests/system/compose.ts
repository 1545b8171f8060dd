// docker-compose.yml without Docker: what `docker compose config` makes of it, and each service as its container would
// run it: the files of its image, its command, its variables, its health check.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type Child, startChild } from "../../platform/embedded/child.ts";
import { openDebianTools } from "../../platform/embedded/debian.ts";
import { runProgram } from "../../platform/embedded/program.ts";
import { testTools } from "../../platform/embedded/test-services.ts";
import { createLogger } from "../../platform/log.ts";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));
const COMMAND_TIMEOUT_MS = 60_000;
const READY_TIMEOUT_MS = 60_000;
const HEALTH_TIMEOUT_MS = 5_000;
const log = createLogger({ role: "test", level: "silent" });

const serviceSchema = z.object({
  image: z.string(),
  build: z.object({ dockerfile: z.string() }).optional(),
  entrypoint: z.array(z.string()).nullish(),
  command: z.array(z.string()).nullish(),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: z.array(z.object({ source: z.string() })).default([]),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
});
export type Service = z.output<typeof serviceSchema>;
const modelSchema = z.object({ services: z.record(z.string(), serviceSchema) });
export type Model = z.output<typeof modelSchema>;

/** What `docker compose config` says: the exit code, and its JSON or its complaint. */
export async function composeConfig(environmentFile: string): Promise<{ code: number | null; output: string }> {
  const tools = await openDebianTools({
    folder: dirname((await testTools()).folder),
    packages: ["docker-compose"],
    log,
  });
  const files = ["--env-file", environmentFile, "-f", join(CHECKOUT, "docker-compose.yml")];
  const command = [...tools.command("docker-compose"), ...files, "config", "--format", "json"];
  return runProgram(command, { timeoutMs: COMMAND_TIMEOUT_MS });
}

export async function readModel(environmentFile: string): Promise<Model> {
  const { code, output } = await composeConfig(environmentFile);
  if (code !== 0) throw new Error(`docker compose config refused the file: ${output}`);
  return modelSchema.parse(JSON.parse(output));
}

export function dockerfileOf(service: Service): string {
  if (service.build === undefined) throw new Error(`${service.image} is not built here`);
  return readFileSync(join(CHECKOUT, service.build.dockerfile), "utf8");
}

/** The images that a Dockerfile begins its stages with. */
export function baseImages(dockerfile: string): string[] {
  return [...dockerfile.matchAll(/^FROM (\S+)/gm)].flatMap((match) => match[1] ?? []);
}

/** The last stage's files in a folder, as COPY names them; the packages are those of the checkout. */
export function layOutImage(dockerfile: string, folder: string): void {
  const lastStage = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "));
  for (const [, paths = ""] of lastStage.matchAll(/^COPY (?!--)(.+)$/gm)) {
    const sources = paths.trim().split(/\s+/);
    const target = sources.pop() ?? "./";
    for (const source of sources) {
      const to = join(folder, target.endsWith("/") ? join(target, source) : target);
      mkdirSync(dirname(to), { recursive: true });
      cpSync(join(CHECKOUT, source), to, { recursive: true, filter: (path) => !path.endsWith(".test.ts") });
    }
  }
  symlinkSync(join(CHECKOUT, "node_modules"), join(folder, "node_modules"));
}

export interface Container {
  readonly name: string;
  readonly service: Service;
  /** The image's files. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
}

function argvOf({ service }: Container): string[] {
  const entrypoint = service.entrypoint ?? z.array(z.string()).parse(JSON.parse(entrypointOf(dockerfileOf(service))));
  const [program = "", ...args] = [...entrypoint, ...(service.command ?? [])].map(unescaped);
  return [program === "node" ? process.execPath : program, ...args];
}

function entrypointOf(dockerfile: string): string {
  return /^ENTRYPOINT (\[.+\])$/m.exec(dockerfile)?.[1] ?? "[]";
}

/** A service that does one thing and ends. */
export function runToEnd(container: Container): Promise<{ code: number | null; output: string }> {
  const { folder, environment } = container;
  return runProgram(argvOf(container), { timeoutMs: COMMAND_TIMEOUT_MS, folder, env: { ...environment } });
}

/** Resolves once its health check passes. */
export function startContainer(container: Container): Promise<Child> {
  const { name, folder, environment, logFile } = container;
  return startChild({
    name,
    command: argvOf(container),
    folder,
    env: { ...environment },
    logFile,
    ready: { kind: "answer", ask: () => isHealthy(container) },
    readyTimeoutMs: READY_TIMEOUT_MS,
    log,
  });
}

async function isHealthy({ service, folder, environment, name }: Container): Promise<boolean> {
  const [kind, ...words] = (service.healthcheck?.test ?? []).map(unescaped);
  if (kind !== "CMD" && kind !== "CMD-SHELL") throw new Error(`${name} has no health check`);
  const command = kind === "CMD" ? words : ["sh", "-c", ...words];
  const { code } = await runProgram(command, { timeoutMs: HEALTH_TIMEOUT_MS, folder, env: { ...environment } });
  return code === 0;
}

/** `$$` is how a compose file writes a dollar sign. */
function unescaped(text: string): string {
  return text.replaceAll("$$", "$");
}

/** .env.example filled in. */
export function writeEnvironmentFile(path: string): void {
  const example = readFileSync(join(CHECKOUT, ".env.example"), "utf8");
  const filled = example
    .replace(/^ADMIN_EMAIL=$/m, "ADMIN_EMAIL=admin@example.com")
    .replace(/^ADMIN_PASSWORD=$/m, "ADMIN_PASSWORD=correct-horse-1")
    .replace(/^(\w+)=$/gm, "$1=abc123");
  writeFileSync(path, filled);
}
