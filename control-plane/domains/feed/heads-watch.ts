// Looks once a second where every scope of the feed stands: one query per process, whatever the number of agents.
import type { Logger } from "../../../platform/log.ts";
import type { Database } from "../../database/transaction.ts";
import { type FeedHeads, readHeads } from "./changes-store.ts";

const PERIOD_MS = 1_000;
const TIMEOUT_MS = 4_000;

type View = { readonly heads: FeedHeads | undefined } | { readonly failure: unknown };

export interface HeadsWatch {
  /** As of the last look. Throws what the last look failed with. */
  heads(): Promise<FeedHeads | undefined>;
  /** A look that begins now, or has not begun yet. */
  look(): Promise<FeedHeads | undefined>;
  stop(): Promise<void>;
}

/** `meet` gets each look's heads, and what `remember` said just before it. */
export function watchHeads<Memory>(options: {
  db: Database;
  log: Logger;
  remember: () => Memory;
  meet: (heads: FeedHeads | undefined, before: Memory) => void;
}): HeadsWatch {
  const { db, log, remember, meet } = options;
  let view: View | undefined;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  async function lookOnce(): Promise<void> {
    const before = remember();
    try {
      const heads = await readHeads(db, TIMEOUT_MS);
      view = { heads };
      meet(heads, before);
    } catch (error) {
      if (view === undefined || "heads" in view) log.warn({ error }, "the feed cannot be read");
      view = { failure: error };
    }
  }

  /** One look at a time; whoever asks during one shares the next. */
  function queueLook(): Promise<void> {
    if (running === undefined) {
      running = lookOnce().finally(() => {
        running = undefined;
      });
      return running;
    }
    next ??= running.then(() => {
      next = undefined;
      return queueLook();
    });
    return next;
  }

  function seen(): FeedHeads | undefined {
    if (view === undefined) return undefined;
    if ("failure" in view) throw view.failure;
    return view.heads;
  }

  async function keepLooking(): Promise<void> {
    await queueLook();
    if (!isStopped) timer = setTimeout(keepLooking, PERIOD_MS);
  }

  const first = keepLooking();
  return {
    heads: async () => {
      await first;
      return seen();
    },
    look: async () => {
      await queueLook();
      return seen();
    },
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await (next ?? running);
    },
  };
}
