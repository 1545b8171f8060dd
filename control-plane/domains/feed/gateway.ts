// Agents follow the feed here by long poll. Nobody holds a database connection while waiting: one query a second for all
// scopes, or a wake-up over Redis, moves the tails in memory, and those answer everybody.
import { LRUCache } from "lru-cache";
import type { Part } from "../../../platform/lifecycle.ts";
import type { Logger } from "../../../platform/log.ts";
import { Problem } from "../../../platform/problem.ts";
import type { Database } from "../../database/transaction.ts";
import type { EdgeCaller } from "../../http/caller.ts";
import type { AssertEnrolled } from "../edge-node/index.ts";
import { createChangesPages } from "./changes-pages.ts";
import type { FeedHeads } from "./changes-store.ts";
import { type ClaimMemory, createOwnMemory } from "./claim-memory.ts";
import { renewRestoredFeed } from "./feed.ts";
import { watchHeads } from "./heads-watch.ts";
import { anotherFeed, changesForgotten, feedNotReady, tooManyWaiting } from "./problems.ts";
import { createRestoreClaims } from "./restore-claims.ts";
import { createScopeTail, type ScopeTail } from "./scope-tail.ts";

const WAITING_MAX = 20_000;
/** Scopes that this process keeps the tail of. */
const TAILS_MAX = 1_000;
const RETRY_AFTER_S = "5";
// An edge that claims revisions which do not exist may be right (a restore) or broken: a broken one, which is ahead of the
// new feed too, may try to have the feed made anew once in this time and not more often. Any other edge may at once.
const RENEWAL_PAUSE_MS = 10 * 60_000;

export interface ChangesQuery {
  readonly feedId: string;
  readonly since: number;
  readonly waitMs: number;
}

export interface FeedGateway {
  /** The encoded answer, or undefined when nothing came within the time. */
  changes(edge: EdgeCaller, query: ChangesQuery, signal: AbortSignal): Promise<Buffer | undefined>;
  /** Somebody appended to this scope. */
  wake(scope: string): void;
  readonly part: Part;
}

interface GatewaySettings {
  readonly db: Database;
  readonly clock: () => Date;
  /** Of edges that claim to be ahead of a feed; without it, this process remembers for itself. */
  readonly claimed?: ClaimMemory;
  /** Asked before whoever waited is answered. */
  readonly assertEnrolled?: AssertEnrolled;
  readonly log: Logger;
}

export function startFeedGateway({ db, clock, log, ...settings }: GatewaySettings): FeedGateway {
  const { claimed = createOwnMemory(), assertEnrolled = async () => {} } = settings;
  const tails = new LRUCache<string, ScopeTail>({ max: TAILS_MAX, dispose: (tail) => tail.wakeAll() });
  const claims = createRestoreClaims(db, claimed);
  const getPage = createChangesPages(db);
  const watch = watchHeads({
    ...{ db, log, meet: meetHeads },
    remember: () => new Map([...tails.values()].map((tail) => [tail.scope, tail.rev()])),
  });
  let waitingCount = 0;

  function meetHeads(heads: FeedHeads | undefined, knownBefore: ReadonlyMap<string, number>): void {
    for (const tail of [...tails.values()]) {
      const head = heads?.scopes.get(tail.scope);
      const isOurs = heads?.feedId === tail.feedId && !heads.rebuilding;
      // A database that was restored to an earlier time has fewer revisions than we saw.
      if (!isOurs || (head?.rev ?? 0) < (knownBefore.get(tail.scope) ?? 0)) tails.delete(tail.scope);
      else if (head !== undefined && head.rev > tail.rev()) wake(tail.scope);
      else if (head !== undefined && head.rev === tail.rev()) tail.meet(head);
    }
  }

  function wake(scope: string): void {
    const tail = tails.peek(scope);
    if (tail === undefined) return;
    // The next look at the heads finds it again.
    advance(tail).catch((error: unknown) => log.debug({ error, scope }, "changes could not be read"));
  }

  async function advance(tail: ScopeTail): Promise<void> {
    if ((await tail.advance()) === "lost") tails.delete(tail.scope);
  }

  function tailOf(scope: string, heads: FeedHeads): ScopeTail {
    const known = tails.get(scope);
    if (known?.feedId === heads.feedId) return known;
    const nothing = { scope, rev: 0, floor_rev: 0, checkpoint_rev: 0 };
    const made = createScopeTail(db, heads.feedId, heads.scopes.get(scope) ?? nothing);
    tails.set(scope, made);
    return made;
  }

  /** The feed that the agent follows, or the problem that tells it why there is none for it. */
  async function headsFor(edge: EdgeCaller, { feedId, since }: ChangesQuery): Promise<FeedHeads> {
    const known = await watch.heads();
    // Another process may have told the agent of a feed that is younger than our last look.
    const heads = known?.feedId === feedId ? known : await watch.look();
    if (heads === undefined || heads.rebuilding) {
      throw new Problem(feedNotReady, "It is being made; keep what you have.", {
        headers: { "retry-after": RETRY_AFTER_S },
      });
    }
    if (heads.feedId === feedId) return heads;
    await claims.meet(edge, { feedId, since });
    throw new Problem(anotherFeed, "Take the snapshot and begin again.");
  }

  async function assertNotAhead({ edgeId }: EdgeCaller, tail: ScopeTail, since: number): Promise<void> {
    if (since <= tail.rev()) return;
    await advance(tail);
    if (since <= tail.rev()) return;
    const facts = { edge_id: edgeId, scope: tail.scope, since, rev: tail.rev() };
    log.warn(facts, "an edge knows revisions that the database does not");
    await claims.add(edgeId, tail.feedId);
    const now = clock();
    const before = await claimed.renewedAt(edgeId);
    if (before !== undefined && now.getTime() - before.getTime() < RENEWAL_PAUSE_MS) {
      // The snapshot of this same feed would leave the edge as far ahead as it is.
      throw new Problem(feedNotReady, "This edge was ahead of the feed a moment ago already; keep what you have.", {
        headers: { "retry-after": RETRY_AFTER_S },
      });
    }
    // Also what comes to nothing counts: a lock on the feed holds every append up.
    await claimed.keepRenewal(edgeId, now);
    const ends = await renewRestoredFeed(db, tail.feedId, now);
    if (ends !== undefined) await claims.end(tail.feedId, ends);
    throw new Problem(anotherFeed, "This feed does not reach that far: take the snapshot and begin again.");
  }

  async function waitOn(tail: ScopeTail, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (waitingCount >= WAITING_MAX) {
      throw new Problem(tooManyWaiting, "Ask again in a while.", { headers: { "retry-after": RETRY_AFTER_S } });
    }
    waitingCount += 1;
    try {
      await tail.wait(timeoutMs, signal);
    } finally {
      waitingCount -= 1;
    }
  }

  async function changes(edge: EdgeCaller, query: ChangesQuery, signal: AbortSignal): Promise<Buffer | undefined> {
    const { since } = query;
    const endsAt = performance.now() + query.waitMs;
    for (let hasWaited = false; ; hasWaited = true) {
      if (hasWaited) await assertEnrolled(edge);
      const tail = tailOf(edge.scope, await headsFor(edge, query));
      await assertNotAhead(edge, tail, since);
      // From 0 everything is told anyway, and who has nothing needs no tombstones.
      if (since > 0 && since < tail.head().floor_rev) throw new Problem(changesForgotten, "Take the snapshot.");
      if (since < tail.rev())
        return tail.answerFrom(since) ?? getPage({ feedId: tail.feedId, scope: tail.scope, since });
      const leftMs = endsAt - performance.now();
      if (leftMs <= 0 || signal.aborted) return undefined;
      await waitOn(tail, leftMs, signal);
    }
  }

  return {
    changes,
    wake,
    part: {
      name: "feed gateway",
      stop: async () => {
        await watch.stop();
        tails.clear();
      },
    },
  };
}
