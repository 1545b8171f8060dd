// The edge agent as a part: puts the steps together, in the order of a cold start: what came meanwhile is asked for, the
// disk serves, the feed is followed.
import { setMaxListeners } from "node:events";
import { join, resolve } from "node:path";
import type { NginxInstallation } from "../platform/embedded/nginx.ts";
import type { Part } from "../platform/lifecycle.ts";
import type { Logger } from "../platform/log.ts";
import type { Edge } from "./apply/edge.ts";
import { createFollower } from "./apply/follow.ts";
import { keepClock } from "./apply/keep-clock.ts";
import { keepPinned, keepPinsOnDisk } from "./apply/keep-pinned.ts";
import { keepPrefetching } from "./apply/prefetch.ts";
import { createPrefetchQueue } from "./apply/prefetch-queue.ts";
import { createReporter, standingOf } from "./apply/report.ts";
import { watchNode } from "./apply/settle-node.ts";
import { watchCrashes } from "./apply/watch-crashes.ts";
import type { AgentConfig } from "./config.ts";
import { identify } from "./identity/identify.ts";
import { type Identity, isNamed } from "./identity/identity.ts";
import { keepRenewed } from "./identity/renew.ts";
import { keepErrorLogShort } from "./logs/error-log.ts";
import { openLogDestination } from "./logs/open-destination.ts";
import { noShippingCounts, shipLogs, standingOfLogs } from "./logs/ship.ts";
import { capabilitiesOf } from "./observe/capabilities.ts";
import { linkCountryFile } from "./observe/country-file.ts";
import { writeEdgeCertificate } from "./observe/edge-certificate.ts";
import { ensureFallbackCertificate } from "./observe/fallback-certificate.ts";
import { ensureHandshakeKeys } from "./observe/handshake-keys.ts";
import { healthOf } from "./observe/health.ts";
import { writeLocalFiles } from "./observe/local-files.ts";
import { createAgentMetrics } from "./observe/metrics.ts";
import { openMetricsListener } from "./observe/metrics-listener.ts";
import { writeOriginRoots } from "./observe/origin-roots.ts";
import { openEdge } from "./open-edge.ts";

export interface AgentSettings {
  readonly config: AgentConfig;
  readonly installation: NginxInstallation;
  /** openresty/lua of this checkout. */
  readonly luaFolder: string;
  readonly log: Logger;
  /** Ends a start that waits for the control plane. */
  readonly signal: AbortSignal;
}

/** Returns when nginx serves what the disk holds, and the agent is enrolled. The feed is followed from then on. */
export async function startAgent(settings: AgentSettings): Promise<Part> {
  const { config, installation, log } = settings;
  const home = resolve(config.EDGE_HOME);
  await writeLocalFiles(home, installation, settings.luaFolder);
  await linkCountryFile(home, config.GEOIP_DB);
  await ensureFallbackCertificate(join(home, "tls"), config.PLATFORM_ZONE);
  await ensureHandshakeKeys(join(home, "tls"));
  await writeOriginRoots(join(home, "tls"), config.ORIGIN_CA_FILE);

  const capabilities = capabilitiesOf(installation);
  // nginx reads the certificate when it starts or reloads; one may run already.
  let isOld = false;
  let reload = () => {
    isOld = true;
  };
  const { controlPlane, identity, renewed, enrolAgain, learnFeedKeys } = await identify(
    settings,
    home,
    capabilities,
    async (known) => {
      if (await writeEdgeCertificate(join(home, "tls"), known)) reload();
    },
  );
  const stopping = new AbortController();
  // Every wait of every step listens to this one signal.
  setMaxListeners(0, stopping.signal);
  let report = () => {};
  let wake = () => {};
  const prefetches = createPrefetchQueue(log);
  const edge = await openEdge({
    config,
    home,
    installation,
    identity,
    learnFeedKeys,
    controlPlane,
    report: () => report(),
    wake: () => wake(),
    prefetches,
    log,
    signal: settings.signal,
  });
  reload = () => {
    if (edge.nginx.running()) edge.nginx.reload();
  };
  if (isOld) reload();
  const follower = createFollower(edge);
  const counts = noShippingCounts();
  const { destination, salts } = await openLogDestination(config, { home, controlPlane, log });
  const reporter = createReporter({
    controlPlane: {
      report: async (request, aborts) => {
        const reply = await controlPlane.report(request, aborts);
        counts.toldUntilMs = request.logs?.losses.at(-1)?.at ?? counts.toldUntilMs;
        return reply;
      },
    },
    standing: () => standingOf(edge, capabilities, standingOfLogs(counts, Date.now())),
    onResync: follower.resync,
    log,
  });
  report = reporter.soon;
  wake = follower.wake;

  const [metricsAddress] = config.AGENT_METRICS_ADDRESS;
  const registry = createAgentMetrics(edge, counts);
  const metrics = await openMetricsListener(metricsAddress, { registry, health: () => healthOf(edge), log });

  const { signal } = stopping;
  const loops = [
    follower.run(signal),
    reporter.run(signal),
    watchNode(edge, signal),
    watchCrashes(edge, signal),
    keepPrefetching(edge, prefetches, signal),
    keepPinned(edge, signal),
    keepClock(edge, signal),
    keepPinsOnDisk(edge, signal),
    keepRenewed(
      { identity, send: controlPlane.renew, store: renewed, isLacking: () => isLacking(edge, identity()), log },
      signal,
    ),
    enrolAgain.run(signal),
    salts?.run(signal),
    keepErrorLogShort({ folder: join(home, "logs"), reopen: edge.nginx.reopenLogs, log }, signal),
    shipLogs(
      {
        ...logSettings(config, home),
        edgeId: () => identity().edgeId,
        destination,
        reopen: edge.nginx.reopenLogs,
        counts,
        log,
      },
      signal,
    ),
  ];
  log.info({ edge_id: identity().edgeId, home }, "the edge agent runs");
  return {
    name: "edge agent",
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
      await metrics.stop();
      if (!config.EDGE_KEEP_SERVING) await edge.nginx.stop();
      else await edge.nginx.leave();
      await edge.control.close();
      await edge.state.close();
      await destination.close();
      await controlPlane.close();
    },
  };
}

/** Without a renewal, secrets stay closed or other edges take this one for a stranger. */
function isLacking({ secrets, state }: Edge, identity: Identity): boolean {
  const isShielded = state.index().find({ kind: "shield", id: identity.scope }) !== undefined;
  return secrets.isLockedOut() || (isShielded && !isNamed(identity));
}

function logSettings(config: AgentConfig, home: string) {
  const mb = 1024 * 1024;
  return {
    folder: join(home, "logs"),
    rotateBytes: config.ACCESS_LOG_ROTATE_MB * mb,
    unsentBytesMax: config.ACCESS_LOG_UNSENT_MAX_MB * mb,
    diskFreeBytesMin: config.ACCESS_LOG_DISK_FREE_MIN_MB * mb,
  };
}
