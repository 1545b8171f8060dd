// Starts the embedded ClickHouse: a server process of ours over the engine of the package chdb.
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startChild } from "../child.ts";
import { keepPassword } from "../credentials.ts";
import { onFreePort } from "../ports.ts";
import { PLAIN_ENVIRONMENT } from "../program.ts";
import { type EmbeddedService, type EmbeddedSettings, makeFolder } from "../service.ts";
import { StartError } from "../start-error.ts";
import { superviseChild } from "../supervise.ts";

const USER = "edgewright";
const DATABASE = "edgewright";
const SERVER = fileURLToPath(new URL("./server.ts", import.meta.url));
/** Queries run on libuv's threads. */
const THREADS = 16;

export async function startClickHouse(wanted: EmbeddedSettings): Promise<EmbeddedService> {
  assertEngineInstalled();
  const settings = makeFolder(wanted);
  const { folder, log } = settings;
  const password = keepPassword(join(folder, "password"));
  return onFreePort(join(folder, "port"), async (port) => {
    const part = await superviseChild({ name: "clickhouse", log, start: () => startServer(settings, port) });
    return { url: `http://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`, part };
  });
}

function startServer(settings: EmbeddedSettings, port: number) {
  return startChild({
    ...settings,
    name: "clickhouse",
    command: [process.execPath, "--import", import.meta.resolve("tsx"), SERVER, settings.folder, String(port)],
    env: { ...PLAIN_ENVIRONMENT, UV_THREADPOOL_SIZE: String(THREADS) },
    logFile: join(settings.folder, "clickhouse.log"),
    ready: { kind: "line", pattern: /^ready for connections$/ },
    // What it acknowledged is in its files; there is nothing to wait for when this process is gone.
    deathSignal: "SIGKILL",
  });
}

function assertEngineInstalled(): void {
  const require = createRequire(import.meta.url);
  try {
    require.resolve("chdb/package.json");
    createRequire(require.resolve("chdb/package.json")).resolve(
      `@chdb/lib-${process.platform}-${process.arch}-gnu/package.json`,
    );
  } catch (error) {
    throw new StartError(
      "The package chdb is not installed whole, so there is no embedded ClickHouse: run `npm ci --include=optional`, or set CLICKHOUSE_URL to a ClickHouse of yours.",
      { cause: error },
    );
  }
}
