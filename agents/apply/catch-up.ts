// Before an edge that was away serves its first answer, it asks for what it lacks: purges, removals and changes that came
// meanwhile. For a bounded time; a control plane that is not there costs nothing, and the disk is served as it is.
import { setTimeout as delay } from "node:timers/promises";
import { ControlPlaneRefusal } from "../control-plane-client.ts";
import { applyChanges } from "./changes.ts";
import type { Edge } from "./edge.ts";
import { poll } from "./poll.ts";
import { takeSnapshot } from "./snapshot.ts";

/** Who is there answers within this time; an answer keeps the whole time open. */
const SILENCE_MS = 3_000;
const AGAIN_AFTER_MS = 250;

/** Returns when everything is on the disk, or there is no more to wait for. nginx must not run yet. */
export async function catchUp(edge: Edge, withinMs: number, stopping: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  const from = edge.progress.applied;
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(withinMs)]);
  for (let step: Step = "more"; step !== "there"; ) {
    step = await oneStep(edge, signal, stopping).catch((error: unknown) => stepAfter(error, signal, edge));
    if (step === "away") return;
    if (step === "again") await delay(AGAIN_AFTER_MS, undefined, { signal }).catch(() => {});
  }
  const ms = Math.round(performance.now() - startedAt);
  edge.log.info({ from, to: edge.progress.applied, ms }, "nothing is lacking: nginx may start");
}

type Step = "more" | "again" | "there" | "away";

async function oneStep(edge: Edge, signal: AbortSignal, stopping: AbortSignal): Promise<Step> {
  signal.throwIfAborted();
  const feed = edge.state.feed();
  if (feed === undefined || feed.scope !== edge.scope) return await begin(edge, signal);
  const since = { feedId: feed.feedId, rev: edge.progress.applied, atOnce: true };
  const answer = await poll(edge.controlPlane, since, AbortSignal.any([signal, AbortSignal.timeout(SILENCE_MS)]));
  if (answer.kind === "nothing-new") return "there";
  if (answer.kind === "start-over") return await begin(edge, signal);
  // What has come is applied to its end, however late it is.
  await applyChanges(edge, feed, answer.reply, stopping);
  return answer.reply.more ? "more" : "there";
}

async function begin(edge: Edge, signal: AbortSignal): Promise<Step> {
  await takeSnapshot(edge, signal);
  edge.progress.startOver = false;
  return "more";
}

function stepAfter(error: unknown, signal: AbortSignal, edge: Edge): Step {
  const isBusy = error instanceof ControlPlaneRefusal && (error.status >= 500 || error.status === 429);
  if (isBusy && !signal.aborted) return "again";
  edge.log.warn(
    { error, applied: edge.progress.applied },
    "what came meanwhile is not known: the disk is served as it is",
  );
  return "away";
}
