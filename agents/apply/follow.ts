// Follows the feed for as long as the agent runs: poll, apply, report; a snapshot when there is no other way.
import { type BackOff, createBackOff } from "../back-off.ts";
import { pushedKinds } from "../contract.ts";
import { applyChanges } from "./changes.ts";
import { type Compaction, createCompaction } from "./compact.ts";
import { findCulprits } from "./culprits.ts";
import type { Edge } from "./edge.ts";
import { followFirst } from "./first.ts";
import { gather } from "./gather.ts";
import { poll } from "./poll.ts";
import { push } from "./push.ts";
import { TooManyRefused } from "./refusals.ts";
import { mayPush } from "./serving.ts";
import { settleNode } from "./settle-node.ts";
import { takeSnapshot, tombstone } from "./snapshot.ts";
import type { Feed } from "./verify.ts";

/** After too many refusals: time for a person, or for a corrected compiler's records to replace the bad ones. */
const ALARM_PAUSE = { firstMs: 5_000, maxMs: 30_000 };
/** Starting over again and again helps nobody: from the second time in a row on there are pauses. */
const START_OVER_PAUSE = { firstMs: 2_000, maxMs: 60_000 };
/** A control plane whose hash never fits must not make us download everything again and again. */
const RESYNC_EVERY_MS = 60_000;

export interface Follower {
  /** The state hashes differ: the next round is a snapshot. */
  resync(): void;
  /** Ends the waiting for news: the next round is now. */
  wake(): void;
  run(signal: AbortSignal): Promise<void>;
}

export function createFollower(edge: Edge): Follower {
  let polling = new AbortController();
  let lastResyncAt = Number.NEGATIVE_INFINITY;

  return {
    resync: () => {
      if (performance.now() - lastResyncAt < RESYNC_EVERY_MS) return;
      lastResyncAt = performance.now();
      edge.log.warn("the control plane sees another state here than we report: everything is fetched anew");
      edge.progress.startOver = true;
      polling.abort();
    },
    wake: () => polling.abort(),
    run: async (signal) => {
      const compaction = createCompaction(edge, signal);
      const backOff = createBackOff({ firstMs: 250, maxMs: 10_000 });
      const alarmPause = createBackOff(ALARM_PAUSE);
      const startsOver = createStartsOver();
      let atOnce = false;
      let away = false;
      while (!signal.aborted) {
        polling = new AbortController();
        try {
          atOnce = await oneRound(edge, compaction, {
            atOnce,
            startsOver,
            polling: AbortSignal.any([signal, polling.signal]),
            signal,
          });
          backOff.reset();
          alarmPause.reset();
          if (away) edge.log.info("following the feed again");
          away = false;
        } catch (error) {
          if (signal.aborted) break;
          if (polling.signal.aborted) continue;
          if (error instanceof TooManyRefused) {
            alarm(edge, error);
            await pauseButFollowFirst(edge, alarmPause, signal);
            continue;
          }
          if (!away) edge.log.warn({ error }, "the feed cannot be followed for now; the edge serves on");
          away = true;
          await backOff.wait(signal).catch(() => {});
        }
      }
      await compaction.cancel();
    },
  };
}

async function pauseButFollowFirst(edge: Edge, pause: BackOff, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const following = followFirst(edge, AbortSignal.any([signal, over.signal])).catch(() => {});
  await pause.wait(signal).catch(() => {});
  over.abort();
  await following;
}

interface StartsOver {
  /** Waits unless this is the first since the feed was last followed. */
  another(signal: AbortSignal): Promise<void>;
  followed(): void;
}

function createStartsOver(): StartsOver {
  const pause = createBackOff(START_OVER_PAUSE);
  let inARow = 0;
  return {
    another: async (signal) => {
      inARow += 1;
      if (inARow > 1) await pause.wait(signal);
    },
    followed: () => {
      inARow = 0;
      pause.reset();
    },
  };
}

interface Round {
  readonly startsOver: StartsOver;
  readonly atOnce: boolean;
  /** Ends the waiting for news, not the work on them. */
  readonly polling: AbortSignal;
  readonly signal: AbortSignal;
}

/** True when more is announced. */
async function oneRound(edge: Edge, compaction: Compaction, round: Round): Promise<boolean> {
  const { atOnce, startsOver, polling, signal } = round;
  await settleNode(edge);
  if (edge.crashes.isRaised() && edge.nginx.running()) await findCulprits(edge, signal);
  const feed = edge.state.feed();
  if (feed === undefined || feed.scope !== edge.scope || edge.progress.startOver) {
    await compaction.cancel();
    await takeSnapshot(edge, signal);
    edge.progress.startOver = false;
    edge.report();
    return true;
  }
  await edge.state.renewTrust();
  await compaction.adoptFinished();
  const answer = await poll(edge.controlPlane, { feedId: feed.feedId, rev: edge.progress.applied, atOnce }, polling);
  edge.progress.contactAt = performance.now();
  if (answer.kind === "nothing-new") {
    startsOver.followed();
    await removeLeftovers(edge, feed, signal);
    return false;
  }
  if (answer.kind === "start-over") {
    edge.log.warn({ why: answer.why, applied: edge.progress.applied }, "the feed has to be begun anew");
    await startsOver.another(signal);
    edge.progress.startOver = true;
    return true;
  }
  const reply = await gather(edge, feed, answer.reply, signal);
  await applyChanges(edge, feed, reply, signal);
  startsOver.followed();
  if (!reply.more) await removeLeftovers(edge, feed, signal);
  edge.report();
  compaction.consider(reply.checkpoint);
  return reply.more;
}

/** What a feed that is no more has left, which the new one does not know. */
async function removeLeftovers(edge: Edge, feed: Feed, signal: AbortSignal): Promise<void> {
  for (const held of edge.progress.leftovers) {
    if (edge.state.index().find(held) !== undefined) continue;
    edge.secrets.note({ ...held, op: "del", body: "" });
    edge.node.note({ ...held, op: "del", body: "" });
  }
  const gone = edge.progress.leftovers.filter(
    (held) => pushedKinds.has(held.kind) && edge.state.index().find(held) === undefined,
  );
  if (gone.length > 0 && (await mayPush(edge, false, signal))) {
    const at = edge.progress.applied;
    await push(
      edge.control,
      gone.map((held) => tombstone(held, at)),
      { feedId: feed.feedId, from: at, to: at, afterPiece: () => {} },
    );
    for (const { id } of gone) edge.origins.note(id, []);
    edge.log.info({ removed: gone.length }, "what only the former feed had was removed");
  }
  edge.progress.leftovers = [];
}

function alarm(edge: Edge, error: TooManyRefused): void {
  edge.log.error(
    { error, refused: error.refused.length, applied: edge.progress.applied },
    "too many records are refused at once: nothing more is applied until fewer are",
  );
  edge.refusals.add(error.refused);
  edge.report();
}
