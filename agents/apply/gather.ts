// A burst of structures makes one reload: a page that brings one is asked for again until no newer one comes. The feed keeps
// the newest alone, so the last answer holds all that the others did.
import { setTimeout as delay } from "node:timers/promises";
import type { ChangesReply } from "../contract.ts";
import type { Edge } from "./edge.ts";
import { pushFirst } from "./first.ts";
import { poll } from "./poll.ts";
import { type Feed, findFault } from "./verify.ts";

const QUIET_MS = 300;
const AT_MOST_MS = 3_000;

/** The page itself when it brings no structure, or nginx does not run: there is no reload to spare then. */
export async function gather(edge: Edge, feed: Feed, reply: ChangesReply, signal: AbortSignal): Promise<ChangesReply> {
  let latest = reply;
  const deadline = performance.now() + AT_MOST_MS;
  while (structureRev(latest) !== undefined && edge.nginx.running() && performance.now() < deadline) {
    // What must wait for nothing does not wait for this.
    const trusted = latest.records.filter((record) => findFault(record, feed, edge.feedKeys) === undefined);
    await pushFirst(edge, feed, trusted);
    await delay(QUIET_MS, undefined, { signal });
    const answer = await poll(edge.controlPlane, { feedId: feed.feedId, rev: reply.from, atOnce: true }, signal);
    // Another feed has begun: the next round sees that too.
    if (answer.kind !== "changes") return latest;
    const isQuiet = structureRev(answer.reply) === structureRev(latest);
    latest = answer.reply;
    if (isQuiet) return latest;
  }
  return latest;
}

function structureRev({ records }: ChangesReply): number | undefined {
  return records.findLast(({ kind, op }) => kind === "structure" && op === "put")?.rev;
}
