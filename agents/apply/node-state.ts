// Whether this edge takes viewers, as the control plane wants it, and the way there. Draining is told to nginx. Maintenance
// drains first, then lets nginx finish and end; it stays away, while the feed is followed on to the disk.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type FeedRecord, type NodeBody, nodeBodySchema, type Refusal } from "../contract.ts";
import { writeDurably } from "../durable-file.ts";
import { parseJson } from "./document.ts";
import type { Edge } from "./edge.ts";
import { serveFromDisk } from "./serve-from-disk.ts";

type Wanted = NodeBody["state"];
/** What nginx is told; in maintenance it is draining until it has gone. */
type Told = "active" | "draining";
export type NodeRecord = Pick<FeedRecord, "kind" | "id" | "rev" | "op" | "body">;

export interface NodeState {
  /** Takes a record of kind `node` that is of this edge; others are none of its business. Returns why it cannot be. */
  note(record: NodeRecord): Refusal | undefined;
  /** Everything is told anew: without a word of this edge it takes viewers. */
  forget(): void;
  wanted(): Wanted;
  /** What nginx was told last; undefined before the first time. */
  told(): Told | undefined;
  /** On disk before nginx hears of it, so that one that starts in between knows. */
  tell(state: Told): Promise<void>;
  /** For how long nginx has been draining; undefined while it is not. */
  drainsForMs(): number | undefined;
}

/** A download may go on for so long after the grace; then it has what nginx gives it on its way out. */
const QUIET_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 250;

export function createNodeState(settings: {
  readonly home: string;
  readonly edgeId: () => string;
  /** Hands it to nginx, if that runs. */
  readonly send: (state: Told) => Promise<void>;
}): NodeState {
  let wanted: Wanted = "active";
  let told: Told | undefined;
  let drainingSince: number | undefined;

  function note(record: NodeRecord): Refusal | undefined {
    if (record.kind !== "node" || record.id !== settings.edgeId()) return undefined;
    if (record.op === "del") {
      wanted = "active";
      return undefined;
    }
    const parsed = nodeBodySchema.safeParse(parseJson(record.body));
    if (!parsed.success) return refusalOf(record);
    wanted = parsed.data.state;
    return undefined;
  }

  return {
    note,
    forget: () => {
      wanted = "active";
    },
    wanted: () => wanted,
    told: () => told,
    tell: async (state) => {
      await writeDurably(join(settings.home, "state", "node"), `${state}\n`, 0o644);
      await settings.send(state);
      told = state;
      drainingSince = state === "active" ? undefined : (drainingSince ?? performance.now());
    },
    drainsForMs: () => (drainingSince === undefined ? undefined : performance.now() - drainingSince),
  };
}

function refusalOf({ id, rev }: NodeRecord): Refusal {
  return { kind: "node", id, rev, stage: "verify", message: "not a state of a node that this agent understands" };
}

/** False while it is away because somebody wants it to be. */
export function nginxIsWanted({ node, nginx }: Pick<Edge, "node" | "nginx">): boolean {
  return node.wanted() !== "maintenance" || !nginx.isResting();
}

/** One step towards what is wanted. Not beside the applying of changes. */
export async function settleNode(edge: Edge): Promise<void> {
  const { node, nginx, log } = edge;
  const wanted = node.wanted();
  if (nginx.isResting()) {
    if (wanted === "maintenance" || nginx.isEnding()) return;
    log.info("maintenance is over: nginx starts");
    await serveFromDisk(edge);
  }
  const state = wanted === "active" ? "active" : "draining";
  if (node.told() !== state) {
    await node.tell(state);
    edge.report();
    log.info({ state: wanted }, "what this edge is to do for viewers has changed");
  }
  if (wanted !== "maintenance" || !(await mayRest(edge))) return;
  await nginx.retire();
  edge.progress.structure = 0;
  edge.report();
  log.info("maintenance: nginx finishes what it is at, and stays away");
}

/** Nothing is asked of it any more, or it was waited for long enough. */
async function mayRest({ node, control, drainSeconds }: Edge): Promise<boolean> {
  const quietForMs = (node.drainsForMs() ?? 0) - drainSeconds * 1000;
  if (quietForMs < 0) return false;
  if (quietForMs > QUIET_WITHIN_MS) return true;
  const requests = await control.state().then(
    (state) => state.requests ?? 0,
    () => 0,
  );
  return requests === 0;
}

async function isDue(edge: Edge): Promise<boolean> {
  const { node, nginx } = edge;
  if (node.wanted() === "maintenance") return !nginx.isResting() && nginx.running() && (await mayRest(edge));
  return nginx.isResting() && !nginx.isEnding();
}

/** Wakes whoever follows the feed when the next step is due. Runs until the signal aborts. */
export async function watchNode(edge: Edge, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
    if (!signal.aborted && (await isDue(edge))) edge.wake();
  }
}
