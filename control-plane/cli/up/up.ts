// `edgewright up`: everything in one go. Starts what is not configured, migrates, runs all roles and the local edge, and
// stops all of it in reverse.
import { resolve } from "node:path";
import { Command } from "commander";
import { readConfig } from "../../../platform/config.ts";
import { assertPortFree } from "../../../platform/embedded/ports.ts";
import { openRun } from "../../../platform/embedded/run-lock.ts";
import { explainDiskFault } from "../../../platform/embedded/start-error.ts";
import { type Part, stopInReverse } from "../../../platform/lifecycle.ts";
import { type ControlPlaneConfig, controlPlaneSchema } from "../../config.ts";
import { migrateClickHouse } from "../../database/clickhouse-migrate.ts";
import { connectDatabase } from "../../database/connection.ts";
import { migrateUp } from "../../database/migrate.ts";
import { hasReportedSince } from "../../domains/edge-node/index.ts";
import { startRoles } from "../../main.ts";
import type { Terminal } from "../command.ts";
import { forgetRunning, writeRunning } from "../running.ts";
import { EXIT_INTERRUPTED, stopRequested } from "../stop-requested.ts";
import { countryFile } from "./country-file.ts";
import { LOCAL_GROUP, prepareFirstUse } from "./first-use.ts";
import { reachable, startLocalEdge } from "./local-edge.ts";
import { ensureLocalKeys } from "./local-keys.ts";
import { openLogs } from "./logs.ts";
import { platformListeners } from "./platform-listeners.ts";
import { createSteps, type Steps } from "./progress.ts";
import { openTools, type ServiceUrls, startServices } from "./services.ts";
import { type UpSettings, upSchema } from "./settings.ts";

export function upCommand(terminal: Terminal): Command {
  return new Command("up")
    .description("start everything: services, API, workers, scheduler and one edge")
    .action(async () => {
      const settings = readConfig(upSchema, terminal.env);
      const steps = createSteps(terminal.output);
      const parts: Part[] = [];
      const asked = stopRequested();
      const starting = startEverything(settings, steps, (part) => parts.push(part));
      try {
        // Ctrl-C while starting is a stop like any other; what is still on its way up dies with this process.
        const early = await Promise.race([starting.then(() => undefined), asked]);
        const signal = early ?? (await asked);
        steps.say(`\nStopping (${signal}) …`);
        await stopInReverse(parts);
        steps.say("Edgewright has stopped.");
        if (early !== undefined) process.exit(EXIT_INTERRUPTED);
      } catch (error) {
        await stopInReverse(parts);
        throw explainDiskFault(error, settings.DATA_DIR);
      }
    });
}

async function startEverything(settings: UpSettings, steps: Steps, started: (part: Part) => void): Promise<void> {
  const startedAt = performance.now();
  steps.say(`Edgewright starts; everything it keeps is in ${resolve(settings.DATA_DIR)}`);
  const run = await openRun(settings.DATA_DIR);
  started(run);
  if (run.endedLeftovers.length > 0) steps.say(`  ended what a killed run had left: ${run.endedLeftovers.join(", ")}`);
  await assertPortsFree(settings);
  const logOf = openLogs(settings.DATA_DIR, settings.LOG_LEVEL);
  const log = logOf("up");
  const surroundings = { settings, ledger: run.ledger, log, steps, started };
  const tools = await openTools(surroundings);
  const services = await startServices(surroundings, tools);
  const config = await migrate(settings, services.urls, steps);
  if (services.names !== undefined) {
    const { db, part } = connectDatabase(config.DATABASE_URL, { poolMax: 1, applicationName: "edgewright dns" });
    started(part);
    services.names.delegateWildcards(db);
  }
  const firstUse = await prepareFirstUse(config, settings, log);
  started(
    await steps.step(
      "control plane",
      () => startRoles(["api", "worker", "scheduler"], config, logOf),
      () => "API, worker and scheduler",
    ),
  );
  const api = `http://${reachable(settings.LISTEN_HOST)}:${settings.API_PORT}`;
  const edge = {
    settings,
    nginx: tools.nginx,
    controlPlaneUrl: api,
    enrolmentToken: firstUse.enrolmentToken,
    platformListeners: await platformListeners(settings, services),
    ledger: run.ledger,
    log,
  };
  started(
    await steps.step(
      "edge",
      () => watchReports(config, (hasReported) => startLocalEdge({ ...edge, hasReported })),
      () => (tools.nginx.capabilities.http3 ? "HTTP/1.1, 2 and 3" : "HTTP/1.1 and 2"),
    ),
  );
  started(announceRunning(settings, config));
  if (firstUse.adminPassword !== undefined) {
    steps.say(
      `\n  Your administrator: ${firstUse.adminEmail}\n  Password (shown only now): ${firstUse.adminPassword}\n`,
    );
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  steps.say(`Edgewright is ready (${seconds} s): ${readyUrls(settings, api)}`);
}

/** With a connection of its own to look for the edge's reports, for as long as the start takes. */
async function watchReports<T>(
  config: ControlPlaneConfig,
  start: (hasReported: (since: Date) => Promise<boolean>) => Promise<T>,
): Promise<T> {
  const { db, part } = connectDatabase(config.DATABASE_URL, { poolMax: 1, applicationName: "edgewright up" });
  try {
    return await start((since) => hasReportedSince(db, { group: LOCAL_GROUP, since }));
  } finally {
    await part.stop();
  }
}

async function assertPortsFree(settings: UpSettings): Promise<void> {
  const host = settings.LISTEN_HOST;
  await assertPortFree({ port: settings.API_PORT, setting: "API_PORT", host });
  await assertPortFree({ port: settings.EDGE_HTTP_PORT, setting: "EDGE_HTTP_PORT", host });
  await assertPortFree({ port: settings.EDGE_HTTPS_PORT, setting: "EDGE_HTTPS_PORT", host });
  await assertPortFree({ port: settings.EDGE_HTTPS_PORT, setting: "EDGE_HTTPS_PORT", host, protocol: "udp" });
}

async function migrate(settings: UpSettings, urls: ServiceUrls, steps: Steps): Promise<ControlPlaneConfig> {
  const config = controlPlaneConfig(settings, urls);
  await steps.step(
    "tables",
    async () => ({
      postgres: await migrateUp(config.DATABASE_URL),
      clickhouse: await migrateClickHouse(config.CLICKHOUSE_URL, { cluster: config.CLICKHOUSE_CLUSTER }),
    }),
    ({ postgres, clickhouse }) =>
      postgres.length + clickhouse.length === 0 ? "up to date" : `${postgres.length + clickhouse.length} migrations`,
  );
  return config;
}

/** The settings of the roles: the caller's, with the services and keys that `up` brought. */
function controlPlaneConfig(settings: UpSettings, urls: ServiceUrls): ControlPlaneConfig {
  const keys = ensureLocalKeys(settings.DATA_DIR);
  return controlPlaneSchema.parse({
    ...Object.fromEntries(Object.entries({ ...settings, ...urls }).map(([name, value]) => [name, asWritten(value)])),
    GEOIP_DB: countryFile(settings),
    // A key of the caller's leaves the file unused, and commands must not take it for the one.
    MASTER_KEY_FILE: settings.MASTER_KEY_FILE ?? (settings.MASTER_KEY === undefined ? keys.masterKeyFile : undefined),
    FEED_SIGNING_KEY_FILE: settings.FEED_SIGNING_KEY_FILE ?? keys.feedSigningKeyFile,
  });
}

/** Flags and lists as a person sets them. */
function asWritten(value: unknown): unknown {
  if (Array.isArray(value)) return value.join(",");
  return typeof value === "boolean" ? String(value) : value;
}

// A URL of a mail server may hold a password.
const SECRET_SETTINGS = new Set([
  "MASTER_KEY",
  "S3_SECRET_ACCESS_KEY",
  "SMTP_URL",
  "OIDC_CLIENT_SECRET",
  "ACME_EAB_HMAC_KEY",
  "ACME_DNS_TSIG",
]);

/** For the other commands; a secret that came by the environment stays there. */
function announceRunning(settings: UpSettings, config: ControlPlaneConfig): Part {
  const entries = Object.entries(config).filter(([name, value]) => value !== undefined && !SECRET_SETTINGS.has(name));
  writeRunning(settings.DATA_DIR, Object.fromEntries(entries.map(([name, value]) => [name, String(value)])));
  return { name: "running file", stop: async () => forgetRunning(settings.DATA_DIR) };
}

function readyUrls(settings: UpSettings, api: string): string {
  const host = reachable(settings.LISTEN_HOST);
  return [
    `API ${api}/api/v1`,
    `docs ${api}/docs`,
    `edge http://${host}:${settings.EDGE_HTTP_PORT}`,
    `https://${host}:${settings.EDGE_HTTPS_PORT}`,
  ].join(" · ");
}
