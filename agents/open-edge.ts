// The cold start: what lies on the disk is read, what came meanwhile is asked for as long as somebody answers, and then
// nginx starts. One that this edge left running is taken over at once.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { NginxInstallation } from "../platform/embedded/nginx.ts";
import type { Logger } from "../platform/log.ts";
import { catchUp } from "./apply/catch-up.ts";
import { createCrashes } from "./apply/crashes.ts";
import { viewDocument } from "./apply/document.ts";
import type { Edge, Progress } from "./apply/edge.ts";
import type { Frame } from "./apply/frames.ts";
import { crashRefusal, openHeldBack } from "./apply/held-back.ts";
import { openNginxControl } from "./apply/nginx-control.ts";
import { createNodeState } from "./apply/node-state.ts";
import { createOriginAddresses } from "./apply/origin-addresses.ts";
import { finishSwitch, openState, type State } from "./apply/persist.ts";
import { openPinsFile, readPins } from "./apply/pins-file.ts";
import type { Prefetches } from "./apply/prefetch-queue.ts";
import { createRefusals } from "./apply/refusals.ts";
import { type AddressRules, createResolver, stillAllowed } from "./apply/resolve.ts";
import { createSecrets } from "./apply/secrets.ts";
import { serveFromDisk } from "./apply/serve-from-disk.ts";
import { bringUpToDate, replaceStranger } from "./apply/serving.ts";
import { changeStructure } from "./apply/snapshot.ts";
import { listenersOf, openStructureFolder, type StructureRecord } from "./apply/structure.ts";
import { type FeedKeys, feedKeysOf } from "./apply/verify.ts";
import type { AgentConfig } from "./config.ts";
import type { ControlPlane } from "./control-plane-client.ts";
import type { Identity } from "./identity/identity.ts";
import { createNginx } from "./observe/nginx.ts";
import { findMaster } from "./observe/nginx-launch.ts";
import { followWorkerDeaths } from "./observe/worker-deaths.ts";

export interface EdgeSettings {
  readonly config: AgentConfig;
  readonly home: string;
  readonly installation: NginxInstallation;
  /** Another one after the edge enrolled again. */
  readonly identity: () => Identity;
  readonly learnFeedKeys: (signal: AbortSignal) => Promise<void>;
  readonly controlPlane: ControlPlane;
  readonly report: () => void;
  readonly wake: () => void;
  readonly prefetches: Prefetches;
  readonly log: Logger;
  /** Ends the catching up. */
  readonly signal: AbortSignal;
}

/** Returns when nginx serves what the disk holds, or when there is nothing to serve yet. */
export async function openEdge(settings: EdgeSettings): Promise<Edge> {
  const { config, home, installation, identity, log } = settings;
  const feedKeys = feedKeysOfCurrent(identity);
  let edge: Edge | undefined;
  const structures = openStructureFolder(home);
  const control = await openNginxControl(join(home, "run"));
  const answers = () =>
    control.state(500).then(
      () => true,
      () => false,
    );
  const launch = { installation, folder: home, diesWithUs: !config.EDGE_KEEP_SERVING };
  // What it lacks right after its first start it gets below.
  const onRestarted = async () => (edge === undefined ? undefined : bringUpToDate(edge));
  const nginx = createNginx({ launch, answers, onRestarted, log });

  await finishSwitch(join(home, "state"));
  const current = await structures.current();
  const found = await nginx.adopt();
  const listeners = current === undefined ? [] : listenersOf(current.structure);
  const node = createNodeState({
    home,
    edgeId: () => identity().edgeId,
    send: async (state) => (nginx.running() ? control.tellNode(state) : undefined),
  });
  const progress: Progress = { ...NO_PROGRESS, listeners };
  const crashes = createCrashes();
  const heldBack = await openHeldBack(home);
  const disk = await readDisk(settings, { progress, node, crashes, heldBack }, feedKeys);
  progress.applied = disk.state.rev();
  const { controlPlane, learnFeedKeys, report, wake } = settings;
  edge = {
    get scope() {
      return identity().scope;
    },
    get feedKeys() {
      return feedKeys();
    },
    ...{ home, installation, controlPlane, structures, nginx, control, progress, node, log, report, wake },
    ...{ state: disk.state, origins: disk.origins, refusals: createRefusals(), learnFeedKeys },
    prefetches: settings.prefetches,
    ...{ pinsFile: disk.pinsFile, secrets: disk.secrets, drainSeconds: config.EDGE_DRAIN_SECONDS },
    ...{ crashes, heldBack, crashTrialMs: config.EDGE_CRASH_TRIAL_SECONDS * 1000 },
    workerDeaths: await followWorkerDeaths(join(home, "logs", "error.log"), () =>
      findMaster(home).catch(() => undefined),
    ),
  };
  edge.refusals.add(heldBack.culprits().map(crashRefusal));
  // An agent that was killed while it searched.
  if (heldBack.suspects().length > 0) crashes.raise();
  if (found) await takeOver(edge, disk.structure());
  else await beginCold(edge, disk.structure(), settings);
  return edge;
}

const NO_PROGRESS: Progress = {
  applied: 0,
  records: 0,
  contactAt: undefined,
  diskFault: undefined,
  structure: 0,
  structureDue: undefined,
  listeners: [],
  probeSecret: "",
  leftovers: [],
  startOver: false,
};

async function takeOver(edge: Edge, newest: StructureRecord | undefined): Promise<void> {
  await replaceStranger(edge);
  await bringUpToDate(edge);
  // The last run may not have come as far as the structure that it wrote to the disk.
  if (newest !== undefined) await changeStructure(edge, newest);
}

async function beginCold(
  edge: Edge,
  newest: StructureRecord | undefined,
  { config, signal }: Pick<EdgeSettings, "config" | "signal">,
): Promise<void> {
  edge.progress.structureDue = newest;
  if ((await edge.structures.current()) === undefined) return await serveFromDisk(edge);
  edge.nginx.rest();
  await catchUp(edge, config.EDGE_CATCH_UP_SECONDS * 1000, signal);
  // In maintenance it stays away: whoever follows the feed starts it when that is over.
  if (edge.node.wanted() === "maintenance") return;
  await edge.node.tell(edge.node.wanted() === "draining" ? "draining" : "active");
  await serveFromDisk(edge);
}

/** Parsed once per identity: every record is checked with them. */
function feedKeysOfCurrent(identity: () => Identity): () => FeedKeys {
  let known = identity().feedKeys;
  let keys = feedKeysOf(known);
  return () => {
    if (identity().feedKeys === known) return keys;
    known = identity().feedKeys;
    keys = feedKeysOf(known);
    return keys;
  };
}

/** When the journal got its last record, as good as it can be known. */
async function modifiedAt(path: string): Promise<number> {
  return await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

interface Disk extends Pick<Edge, "origins" | "pinsFile" | "secrets"> {
  readonly state: State;
  readonly structure: () => StructureRecord | undefined;
}

async function readDisk(
  { config, home, identity, log }: EdgeSettings,
  { progress, node, crashes, heldBack }: Pick<Edge, "progress" | "node" | "crashes" | "heldBack">,
  keys: () => FeedKeys,
): Promise<Disk> {
  const rules = (): AddressRules => ({
    allowPrivate: config.ALLOW_PRIVATE_ORIGINS,
    forbidden: [...config.FORBIDDEN_ORIGIN_ADDRESSES, ...config.AGENT_METRICS_ADDRESS, ...progress.listeners],
  });
  const found = await readPins(home);
  const remembered = stillAllowed(found.pins, rules());
  const origins = createOriginAddresses({ resolve: createResolver(rules), remembered, log });
  const pinsFile = openPinsFile(home, found, origins);
  const secrets = createSecrets({ identity, log });
  let structure: StructureRecord | undefined;

  const journalAt = await modifiedAt(join(home, "state", "journal"));

  function visit({ record, body }: Frame): void {
    const text = body.toString("utf8");
    // What a checkpoint holds has no signature of its own, and is older than what came since.
    if (record.signature !== "-") crashes.applied([record], journalAt);
    // The version before it is the one that is served.
    if (heldBack.has(record)) return;
    if (record.kind === "document") origins.note(record.id, viewDocument(text).origins);
    else if (record.kind === "structure") structure = record.op === "del" ? undefined : { ...record, body: text };
    else {
      secrets.note({ ...record, body: text });
      node.note({ ...record, body: text });
    }
  }

  const state = await openState({ folder: join(home, "state"), scope: identity().scope, keys, log, visit });
  return { state, origins, pinsFile, secrets, structure: () => (state.feed() === undefined ? undefined : structure) };
}
