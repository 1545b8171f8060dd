// Brings an nginx that just started, or was found running, to what the disk holds; and says when it may be spoken to.
import { setTimeout as delay } from "node:timers/promises";
import type { Refusal } from "../contract.ts";
import type { Edge } from "./edge.ts";
import type { Frame } from "./frames.ts";
import { refusedBy } from "./nginx-control.ts";
import { push } from "./push.ts";

const NGINX_WAIT_MS = 30_000;

/** An nginx that was left running under another feed, or long ago, is not mended but started anew, from the disk. */
export async function replaceStranger(edge: Edge): Promise<void> {
  const found = await edge.control.state();
  const feed = edge.state.feed();
  const isOfThisFeed = feed === undefined || found.feed_id === feed.feedId;
  if (isOfThisFeed && (found.applied ?? 0) >= edge.state.baseRev()) return;
  edge.log.warn(
    { feed_id: found.feed_id, applied: found.applied },
    "nginx holds another state than the disk: it starts anew",
  );
  await edge.nginx.restart();
}

/**
 * nginx loads the disk itself when it starts; one that ran while the agent did not may lack what the journal got last.
 * Returns what it refused of either.
 */
export async function bringUpToDate(edge: Edge): Promise<readonly Refusal[]> {
  const feed = edge.state.feed();
  const found = await edge.control.state();
  edge.progress.probeSecret = found.probe_secret;
  edge.progress.structure = found.structure ?? 0;
  const loaded = refusedBy(found);
  edge.refusals.add(loaded);
  edge.origins.unpinAll();
  await edge.origins.pin(edge.control.pin);
  edge.secrets.bringAllAgain();
  edge.refusals.add(await edge.secrets.bring(edge.control.keepSecrets));
  const told = edge.node.told();
  if (told !== undefined) await edge.control.tellNode(told);
  const from = found.applied ?? 0;
  if (feed === undefined || from >= edge.state.rev()) return loaded;
  const missing = newerThan(edge, from);
  const refused = await push(edge.control, missing, {
    feedId: feed.feedId,
    from,
    to: edge.state.rev(),
    afterPiece: () => {},
  });
  edge.refusals.add(refused);
  edge.log.info({ from, to: edge.state.rev() }, "nginx got what it lacked");
  return [...loaded, ...refused];
}

async function* newerThan({ state, heldBack }: Edge, rev: number): AsyncGenerator<Frame> {
  for await (const item of state.frames()) if (item.record.rev > rev && !heldBack.has(item.record)) yield item;
}

/**
 * False when nginx gets its state from the disk anyway: it is away on purpose, this edge has no structure yet, or the one
 * that comes along may be what nginx needs to start. Throws when nginx is away for long: nothing could be proven.
 */
export async function mayPush(edge: Edge, bringsStructure: boolean, signal: AbortSignal): Promise<boolean> {
  if (edge.nginx.running()) return true;
  if (edge.nginx.isResting()) return false;
  if (bringsStructure || (await edge.structures.current()) === undefined) return false;
  const deadline = Date.now() + NGINX_WAIT_MS;
  while (Date.now() < deadline) {
    await delay(100, undefined, { signal });
    if (edge.nginx.running()) return true;
    if (edge.nginx.isResting()) return false;
  }
  throw new Error("nginx does not run: nothing can be applied until it does");
}
