// The edge agent as a part: puts the steps together, in the order of a cold start: what lies on the disk serves first,
// the control plane is asked afterwards.
import { join, resolve } from "node:path";
import { ConfigError } from "../platform/config.ts";
import type { NginxInstallation } from "../platform/embedded/nginx.ts";
import type { Part } from "../platform/lifecycle.ts";
import type { Logger } from "../platform/log.ts";
import { viewDocument } from "./apply/document.ts";
import type { Edge, Progress } from "./apply/edge.ts";
import { createFollower } from "./apply/follow.ts";
import type { Frame } from "./apply/frames.ts";
import { keepPinned, keepPinsOnDisk, readPins, writePins } from "./apply/keep-pinned.ts";
import { openNginxControl } from "./apply/nginx-control.ts";
import { createOriginAddresses } from "./apply/origin-addresses.ts";
import { openState } from "./apply/persist.ts";
import { createRefusals } from "./apply/refusals.ts";
import { createReporter, standingOf } from "./apply/report.ts";
import { type AddressRules, createResolver } from "./apply/resolve.ts";
import { bringUpToDate, replaceStranger } from "./apply/serving.ts";
import { changeStructure } from "./apply/snapshot.ts";
import { listenersOf, openStructureFolder } from "./apply/structure.ts";
import { feedKeysOf } from "./apply/verify.ts";
import { createBackOff } from "./back-off.ts";
import { type AgentConfig, enrolmentToken } from "./config.ts";
import type { Capabilities } from "./contract.ts";
import { type ControlPlane, ControlPlaneRefusal, createControlPlane } from "./control-plane-client.ts";
import { enrol, findIdentity, type Identity, storeCertificate } from "./identity/identity.ts";
import { keepRenewed } from "./identity/renew.ts";
import { createTokenSource } from "./identity/token.ts";
import { shipLogs } from "./logs/ship.ts";
import { capabilitiesOf } from "./observe/capabilities.ts";
import { ensureFallbackCertificate } from "./observe/fallback-certificate.ts";
import { writeLocalFiles } from "./observe/local-files.ts";
import { createNginx, type Nginx } from "./observe/nginx.ts";
import { NginxStartError } from "./observe/nginx-launch.ts";

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
  await ensureFallbackCertificate(join(home, "tls"), config.PLATFORM_ZONE);

  const capabilities = capabilitiesOf(installation);
  const { controlPlane, identity, renewed } = await identify(settings, home, capabilities);
  const stopping = new AbortController();
  const edge = await openEdge(settings, { home, identity: identity(), controlPlane, report: () => reporter.soon() });
  const follower = createFollower(edge);
  const reporter = createReporter({
    controlPlane,
    standing: () => standingOf(edge, capabilities),
    onResync: follower.resync,
    log,
  });
  await startServing(edge);

  const { signal } = stopping;
  const loops = [
    follower.run(signal),
    reporter.run(signal),
    keepPinned(edge, signal),
    keepPinsOnDisk(edge, signal),
    keepRenewed({ identity, send: controlPlane.renew, store: renewed, log }, signal),
    shipLogs(
      { ...logSettings(config, home), edgeId: identity().edgeId, controlPlane, reopen: edge.nginx.reopenLogs, log },
      signal,
    ),
  ];
  log.info({ edge_id: identity().edgeId, home }, "the edge agent runs");
  return {
    name: "edge agent",
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
      if (!config.EDGE_KEEP_SERVING) await edge.nginx.stop();
      else await edge.nginx.leave();
      await edge.control.close();
      await edge.state.close();
      await controlPlane.close();
    },
  };
}

function logSettings(config: AgentConfig, home: string) {
  const mb = 1024 * 1024;
  return {
    folder: join(home, "logs"),
    rotateBytes: config.ACCESS_LOG_ROTATE_MB * mb,
    unsentBytesMax: config.ACCESS_LOG_UNSENT_MAX_MB * mb,
  };
}

interface Identified {
  readonly controlPlane: ControlPlane;
  readonly identity: () => Identity;
  readonly renewed: (certificate: string) => Promise<void>;
}

async function identify(
  { config, log, signal }: AgentSettings,
  home: string,
  capabilities: Capabilities,
): Promise<Identified> {
  const folder = join(home, "identity");
  let held = await findIdentity(folder);
  const identity = () => {
    if (held === undefined) throw new Error("this edge is not enrolled yet");
    return held;
  };
  const controlPlane = createControlPlane({ url: config.CONTROL_PLANE_URL, token: createTokenSource(identity) });
  if (held === undefined) {
    const token = enrolmentToken(config);
    if (token === undefined)
      throw new ConfigError(
        "EDGE_ENROLMENT_TOKEN: this edge is not enrolled yet: make a token for its group and give it here.",
      );
    const wish = { token, name: config.EDGE_NAME, capabilities };
    held = await untilAnswered(log, signal, () =>
      enrol(folder, wish, (request) => controlPlane.enrol(request, signal)),
    );
    log.info({ edge_id: held.edgeId, scope: held.scope }, "this edge is enrolled");
  }
  const renewed = async (certificate: string) => {
    held = await storeCertificate(folder, identity(), certificate);
  };
  return { controlPlane, identity, renewed };
}

/** A refusal is final; a control plane that is not there yet is waited for. */
async function untilAnswered<T>(log: Logger, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  const backOff = createBackOff({ firstMs: 250, maxMs: 10_000 });
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ControlPlaneRefusal && error.status < 500 && error.status !== 429) throw error;
      log.warn({ error }, "the control plane cannot be reached for the enrolment yet");
      await backOff.wait(signal);
    }
  }
}

interface Parts {
  readonly home: string;
  readonly identity: Identity;
  readonly controlPlane: ControlPlane;
  readonly report: () => void;
}

async function openEdge(
  { config, installation, log }: AgentSettings,
  { home, identity, controlPlane, report }: Parts,
): Promise<Edge> {
  const structures = openStructureFolder(home);
  const progress: Progress = {
    applied: 0,
    structure: 0,
    listeners: [],
    probeSecret: "",
    leftovers: [],
    startOver: false,
  };
  const rules = (): AddressRules => ({
    allowPrivate: config.ALLOW_PRIVATE_ORIGINS,
    forbidden: [...config.FORBIDDEN_ORIGIN_ADDRESSES, ...progress.listeners],
  });
  const remembered = await readPins(home);
  const origins = createOriginAddresses({ resolve: createResolver(rules), remembered, log });
  const feedKeys = feedKeysOf(identity.feedKeys);
  const note = ({ record, body }: Frame) => {
    if (record.kind === "document") origins.note(record.id, viewDocument(body.toString("utf8")).origins);
  };
  const state = await openState({
    folder: join(home, "state"),
    scope: identity.scope,
    keys: feedKeys,
    log,
    visit: note,
  });
  progress.applied = state.rev();
  const control = await openNginxControl(join(home, "run"));
  const nginx: Nginx = createNginx({
    launch: { installation, folder: home, diesWithUs: !config.EDGE_KEEP_SERVING },
    answers: () =>
      control.state(500).then(
        () => true,
        () => false,
      ),
    onRestarted: () => bringUpToDate(edge),
    log,
  });
  const refusals = createRefusals();
  const edge: Edge = {
    home,
    scope: identity.scope,
    feedKeys,
    installation,
    controlPlane,
    state,
    structures,
    nginx,
    control,
    origins,
    refusals,
    progress,
    log,
    report,
  };
  return edge;
}

/** Names that take longer are pinned when they are known; those that an earlier run knew are there at once. */
const START_RESOLVE_MS = 1_500;

/** nginx from the disk; then the newest structure of the disk, if the last run did not come that far. */
async function startServing(edge: Edge): Promise<void> {
  const current = await edge.structures.current();
  if (current !== undefined) {
    edge.progress.listeners = listenersOf(current.structure);
    // The last run may have been killed before it wrote down what it had resolved.
    await edge.origins.settle(START_RESOLVE_MS);
    await writePins(edge);
    try {
      await edge.nginx.start();
      await replaceStranger(edge);
      await bringUpToDate(edge);
    } catch (error) {
      if (!(error instanceof NginxStartError)) throw error;
      edge.log.error({ error }, "nginx does not start: it is tried again and again");
      await edge.nginx.keepTrying();
    }
  }
  let newest: { id: string; rev: number; body: string } | undefined;
  for await (const { record, body } of edge.state.frames()) {
    if (record.kind === "structure")
      newest = record.op === "del" ? undefined : { id: record.id, rev: record.rev, body: body.toString("utf8") };
  }
  if (newest !== undefined) await changeStructure(edge, newest);
}
