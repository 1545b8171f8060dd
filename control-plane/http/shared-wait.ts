// Waiting for outcomes on behalf of many requests (`Prefer: wait`): all that wait in a process share one look at the
// database, whatever their number. It comes often while somebody is new, more and more rarely after that.
import { setTimeout as pause } from "node:timers/promises";
import { createWakeUp } from "../jobs/wake-up.ts";

// On a quiet platform a change is on the edges after some 20 ms.
const PAUSE_MIN_MS = 15;
const PAUSE_MAX_MS = 250;

/** Looks for all items at once, and answers which of them have their outcome. */
export type Look<Item> = (items: readonly Item[]) => Promise<(item: Item) => boolean>;

export interface SharedWait<Item> {
  /** Until the item has its outcome, or the signal says that the time is over. Throws what the look throws. */
  until(item: Item, over: AbortSignal): Promise<void>;
}

interface Waiter<Item> {
  readonly item: Item;
  resolve(): void;
  reject(error: unknown): void;
}

export function createSharedWait<Item>(look: Look<Item>): SharedWait<Item> {
  const waiting = new Set<Waiter<Item>>();
  const arrival = createWakeUp();
  let isLooking = false;
  let pauseMs = PAUSE_MIN_MS;

  async function lookForAll(): Promise<void> {
    const asked = [...waiting];
    try {
      const isOver = await look(asked.map(({ item }) => item));
      for (const waiter of asked) if (isOver(waiter.item)) waiter.resolve();
    } catch (error) {
      for (const waiter of asked) waiter.reject(error);
    }
  }

  async function lookWhileAnyoneWaits(): Promise<void> {
    isLooking = true;
    while (waiting.size > 0) {
      await lookForAll();
      // Whoever comes meanwhile waits this long at most, however many come.
      await pause(PAUSE_MIN_MS);
      if (waiting.size > 0) await arrival.wait(pauseMs - PAUSE_MIN_MS);
      pauseMs = Math.min(pauseMs * 1.5, PAUSE_MAX_MS);
    }
    isLooking = false;
  }

  return {
    async until(item, over) {
      if (over.aborted) return;
      const { promise, resolve, reject } = withResolvers();
      const waiter = { item, resolve, reject };
      over.addEventListener("abort", resolve, { once: true });
      waiting.add(waiter);
      pauseMs = PAUSE_MIN_MS;
      arrival.ring();
      if (!isLooking) void lookWhileAnyoneWaits();
      try {
        await promise;
      } finally {
        waiting.delete(waiter);
        over.removeEventListener("abort", resolve);
      }
    },
  };
}

/** Node 20 has no Promise.withResolvers. */
function withResolvers() {
  let resolve = () => {};
  let reject = (_error: unknown) => {};
  const promise = new Promise<void>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
}
