// The public suite of tests for HTTP caches (github.com/http-tests/cache-tests), from a checkout that is no part of this
// project: its origin, and a run of its viewers against a cache in front of that.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { startChild } from "../../platform/embedded/child.ts";
import { pickPort } from "../../platform/embedded/ports.ts";
import { runProgram } from "../../platform/embedded/program.ts";
import { createLogger } from "../../platform/log.ts";

export interface CacheSuite {
  /** Where its origin listens, on this machine alone. */
  readonly originPort: number;
  /** Asks a cache that listens on this machine, under any name. */
  run(host: string, port: number): Promise<Score>;
  stop(): Promise<void>;
}

export interface Score {
  readonly required: Count;
  readonly optimal: Count;
  /** By id, with the suite's reason. */
  readonly failed: Readonly<Record<string, string>>;
}

interface Count {
  readonly passed: number;
  readonly of: number;
}

const RUN_TIMEOUT_MS = 10 * 60_000;
const PASSED = "✅";

// Its programs listen on every address, and ask for names that a resolver has to know.
const ON_LOOPBACK = `data:text/javascript,${encodeURIComponent(`
import dns from "node:dns";
import { Server } from "node:net";
dns.lookup = (name, options, done) => (typeof options === "function" ? options(null, "127.0.0.1", 4)
  : options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4));
const listen = Server.prototype.listen;
Server.prototype.listen = function (port, ...rest) {
  return typeof port === "string" ? listen.call(this, Number(port), "127.0.0.1", ...rest) : listen.call(this, port, ...rest);
};
`)}`;

const resultsSchema = z.record(z.string(), z.union([z.literal(true), z.tuple([z.string(), z.string()])]));
const testsSchema = z.array(
  z.object({ tests: z.array(z.object({ id: z.string(), kind: z.enum(["required", "optimal", "check"]).optional() })) }),
);
const gradeSchema = z.function({ input: [z.unknown(), z.string(), z.unknown()], output: z.array(z.string()) });

/** `checkout`: the suite's folder, with its own packages installed. */
export async function openCacheSuite(checkout: string): Promise<CacheSuite> {
  if (!existsSync(join(checkout, "node_modules/undici"))) {
    throw new Error(`${checkout} is no checkout of cache-tests with its packages: clone it, and run npm install in it`);
  }
  const folder = mkdtempSync(join(tmpdir(), "edgewright-cache-suite-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const originPort = await pickPort();
  try {
    const origin = await startChild({
      name: "cache-suite",
      command: [process.execPath, "--import", ON_LOOPBACK, join(checkout, "test-engine/server/server.mjs")],
      env: {
        npm_config_protocol: "http",
        npm_config_port: String(originPort),
        npm_config_pidfile: join(folder, "origin.pid"),
      },
      folder: checkout,
      logFile: join(folder, "origin.log"),
      ready: { kind: "line", pattern: /Listening on/ },
      log: createLogger({ role: "test", level: "silent" }),
    });
    return {
      originPort,
      run: (host, port) => run(checkout, `http://${host}:${port}`),
      async stop() {
        await origin.stop();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

async function run(checkout: string, base: string): Promise<Score> {
  const client = [process.execPath, "--no-warnings", "--import", ON_LOOPBACK, join(checkout, "test-engine/cli.mjs")];
  const { code, output } = await runProgram(client, {
    timeoutMs: RUN_TIMEOUT_MS,
    env: { npm_config_base: base, npm_config_id: "", npm_package_config_id: "" },
  });
  const begin = output.indexOf("{\n");
  if (code !== 0 || begin < 0) throw new Error(`the suite did not run: ${output.slice(-1000)}`);
  return scoreOf(checkout, resultsSchema.parse(JSON.parse(output.slice(begin, output.lastIndexOf("}") + 1))));
}

async function scoreOf(checkout: string, results: z.output<typeof resultsSchema>): Promise<Score> {
  const suites = await load(checkout, "tests/index.mjs", (module) => module.default);
  const grade = gradeSchema.parse(await load(checkout, "test-engine/lib/results.mjs", (it) => it.determineTestResult));
  const graded = testsSchema
    .parse(suites)
    .flatMap(({ tests }) => tests)
    .filter(({ id, kind }) => kind !== "check" && results[id] !== undefined)
    .map(({ id, kind = "required" }) => ({ id, kind, isPassed: grade(suites, id, results)[2] === PASSED }));
  const count = (wanted: string) => {
    const those = graded.filter(({ kind }) => kind === wanted);
    return { passed: those.filter(({ isPassed }) => isPassed).length, of: those.length };
  };
  return {
    required: count("required"),
    optimal: count("optimal"),
    failed: Object.fromEntries(
      graded.filter(({ isPassed }) => !isPassed).map(({ id, kind }) => [id, `${kind}: ${reasonOf(results[id])}`]),
    ),
  };
}

function reasonOf(result: z.output<typeof resultsSchema>[string] | undefined): string {
  return result === true || result === undefined ? "what it depends on failed" : result.join(": ");
}

async function load(
  checkout: string,
  path: string,
  pick: (module: Record<string, unknown>) => unknown,
): Promise<unknown> {
  const module: Record<string, unknown> = await import(pathToFileURL(join(checkout, path)).href);
  return pick(module);
}
