// What goes to nginx before everything else of its page and waits for none of it: documents and certificates that were
// taken away, and purges. Also while documents are refused in numbers, and from pages behind theirs.
import type { FeedRecord } from "../contract.ts";
import type { Edge } from "./edge.ts";
import { poll } from "./poll.ts";
import { push } from "./push.ts";
import { type Feed, findFault } from "./verify.ts";

function goesFirst({ kind, op }: FeedRecord): boolean {
  return kind === "purge" || ((kind === "document" || kind === "certificate") && op === "del");
}

/** nginx sees them again with their page: that changes nothing. One that is away gets them then. */
export async function pushFirst(edge: Edge, feed: Feed, trusted: readonly FeedRecord[]): Promise<void> {
  const first = trusted.filter(goesFirst);
  if (first.length === 0 || !edge.nginx.running()) return;
  const at = edge.progress.applied;
  await push(edge.control, first, { feedId: feed.feedId, from: at, to: at, afterPiece: () => {} });
}

/** While a page cannot be applied: what goes first in it and in all behind it, as it comes, until the signal aborts. */
export async function followFirst(edge: Edge, signal: AbortSignal): Promise<void> {
  const feed = edge.state.feed();
  if (feed === undefined) return;
  let since = { feedId: feed.feedId, rev: edge.progress.applied, atOnce: true };
  while (!signal.aborted) {
    const answer = await poll(edge.controlPlane, since, signal);
    if (answer.kind === "start-over") return;
    if (answer.kind === "nothing-new") {
      since = { ...since, atOnce: false };
      continue;
    }
    const { records, to, more } = answer.reply;
    await pushFirst(
      edge,
      feed,
      records.filter((record) => goesFirst(record) && findFault(record, feed, edge.feedKeys) === undefined),
    );
    since = { ...since, rev: to, atOnce: more };
  }
}
