// The edge of this machine: an agent as a child process, which owns its nginx.
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { request } from "undici";
import { startChild } from "../../../platform/embedded/child.ts";
import type { NginxInstallation } from "../../../platform/embedded/nginx.ts";
import { pickPort } from "../../../platform/embedded/ports.ts";
import type { ChildLedger } from "../../../platform/embedded/run-lock.ts";
import { StartError } from "../../../platform/embedded/start-error.ts";
import { type SupervisedChild, superviseChild } from "../../../platform/embedded/supervise.ts";
import type { Logger } from "../../../platform/log.ts";
import { countryFile } from "./country-file.ts";
import type { UpSettings } from "./settings.ts";

const READY_TIMEOUT_MS = 60_000;
const ANSWER_TIMEOUT_MS = 1_000;
const LOOK_EVERY_MS = 25;
const PROGRAM = new URL("../../../bin/edgewright.mjs", import.meta.url).pathname;

export interface LocalEdge {
  readonly settings: UpSettings;
  readonly nginx: NginxInstallation;
  readonly controlPlaneUrl: string;
  readonly enrolmentToken: string;
  /** `host:port` of everything that no origin may be. */
  readonly platformListeners: readonly string[];
  /** Has the edge reported to this control plane since? */
  readonly hasReported: (since: Date) => Promise<boolean>;
  readonly ledger: ChildLedger;
  readonly log: Logger;
}

/** Returns when the edge answers viewers and follows this control plane: it could serve an older state without it. */
export async function startLocalEdge(edge: LocalEdge): Promise<SupervisedChild> {
  const startedAt = new Date();
  const agent = await startAgent(edge);
  try {
    await untilReported(edge, { startedAt, withinMs: READY_TIMEOUT_MS });
    return agent;
  } catch (error) {
    await agent.stop();
    throw error;
  }
}

export async function untilReported(
  { hasReported, settings, log }: Pick<LocalEdge, "hasReported" | "log"> & { settings: Pick<UpSettings, "DATA_DIR"> },
  { startedAt, withinMs }: { startedAt: Date; withinMs: number },
): Promise<void> {
  const deadline = startedAt.getTime() + withinMs;
  while (Date.now() < deadline) {
    const reported = await hasReported(startedAt).catch((error: unknown) => {
      log.warn({ error }, "whether the edge has reported is not known yet");
      return false;
    });
    if (reported) return;
    await wait(LOOK_EVERY_MS);
  }
  throw new StartError(
    `The edge serves, but it did not report to this control plane within ${withinMs / 1000} s: ${agentLog(settings)} says why.`,
  );
}

function agentLog(settings: Pick<UpSettings, "DATA_DIR">): string {
  return join(settings.DATA_DIR, "logs", "agent.log");
}

async function startAgent(edge: LocalEdge): Promise<SupervisedChild> {
  const { settings, log, ledger } = edge;
  mkdirSync(join(settings.DATA_DIR, "logs"), { recursive: true });
  const metricsPort = await pickPort(join(settings.DATA_DIR, "agent-metrics-port"));
  return superviseChild({
    name: "edge agent",
    log,
    start: () =>
      startChild({
        name: "edge agent",
        command: [process.execPath, PROGRAM, "agent:start"],
        env: agentEnvironment(edge, metricsPort),
        logFile: agentLog(settings),
        ready: { kind: "answer", ask: (signal) => answersHealth(settings, signal) },
        readyTimeoutMs: READY_TIMEOUT_MS,
        log,
        ledger,
      }),
  });
}

function agentEnvironment(edge: LocalEdge, metricsPort: number): NodeJS.ProcessEnv {
  const { settings } = edge;
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    CONTROL_PLANE_URL: edge.controlPlaneUrl,
    EDGE_HOME: resolve(settings.DATA_DIR, "edge"),
    EDGE_NAME: "local",
    EDGE_ENROLMENT_TOKEN: edge.enrolmentToken,
    NGINX_INSTALLATION: JSON.stringify(edge.nginx),
    ALLOW_PRIVATE_ORIGINS: String(settings.ALLOW_PRIVATE_ORIGINS),
    ...(settings.ORIGIN_CA_FILE === undefined ? {} : { ORIGIN_CA_FILE: resolve(settings.ORIGIN_CA_FILE) }),
    GEOIP_DB: countryFile(settings),
    FORBIDDEN_ORIGIN_ADDRESSES: edge.platformListeners.join(","),
    PLATFORM_ZONE: settings.PLATFORM_ZONE,
    EDGE_KEEP_SERVING: "false",
    AGENT_METRICS_ADDRESS: `127.0.0.1:${metricsPort}`,
    LOG_LEVEL: settings.LOG_LEVEL,
  };
}

/** The edge is there when its listener answers on one of its own names. */
async function answersHealth(settings: UpSettings, signal: AbortSignal): Promise<boolean> {
  const { statusCode, body } = await request(
    `http://${reachable(settings.LISTEN_HOST)}:${settings.EDGE_HTTP_PORT}/__edge/health`,
    {
      headers: { host: "localhost" },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
    },
  );
  await body.dump();
  return statusCode === 200;
}

/** A wildcard is no address to call; loopback is behind it. */
export function reachable(listenHost: string): string {
  if (listenHost === "0.0.0.0" || listenHost === "::") return "127.0.0.1";
  return listenHost.includes(":") ? `[${listenHost}]` : listenHost;
}
