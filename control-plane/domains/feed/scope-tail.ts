// One scope in the gateway's memory: its tail, the answers that were encoded from it, and who waits for more.
import { CHANGES_BYTES_MAX, type ChangesReply } from "../../../agents/contract.ts";
import type { Database } from "../../database/transaction.ts";
import { type ChangesPage, readChanges, type ScopeHead } from "./changes-store.ts";
import { createTail } from "./tail.ts";

const TAIL_LIMITS = { bytesMax: 4 * 1024 * 1024, recordsMax: 4_000 };
const ANSWERS_MAX = 32;
const ENVELOPE_BYTES = 1_024;

export interface ScopeTail {
  readonly scope: string;
  readonly feedId: string;
  head(): ScopeHead;
  rev(): number;
  /** What the database says beside revisions: floor and checkpoint. */
  meet(head: ScopeHead): void;
  /** Reads what is new; calls at the same time share one reading. "lost": the feed is no longer this one. */
  advance(): Promise<"advanced" | "lost">;
  /** Undefined: too far back for the memory. */
  answerFrom(since: number): Buffer | undefined;
  /** Resolves at news, at the end of the time, or when the signal says so. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>;
  wakeAll(): void;
}

export function createScopeTail(db: Database, feedId: string, start: ScopeHead): ScopeTail {
  const { scope } = start;
  const tail = createTail(start.rev, TAIL_LIMITS);
  const answers = new Map<number, Buffer>();
  const waiting = new Set<() => void>();
  let head = start;
  let isStale = false;
  let advancing: Promise<"advanced" | "lost"> | undefined;

  async function readOn(): Promise<"advanced" | "lost"> {
    while (isStale) {
      isStale = false;
      for (let isBehind = true; isBehind; ) {
        const page = await readChanges(db, scope, tail.rev());
        // Nothing was ever appended here.
        if (page === undefined) break;
        if (page.feedId !== feedId || page.rebuilding || page.head.rev < tail.rev()) return "lost";
        take(page);
        isBehind = page.to < page.head.rev;
      }
    }
    return "advanced";
  }

  function take(page: ChangesPage): void {
    head = page.head;
    if (page.to === tail.rev()) return;
    tail.append(page.records, page.to);
    answers.clear();
    wakeAll();
  }

  function advance(): Promise<"advanced" | "lost"> {
    isStale = true;
    advancing ??= readOn().finally(() => {
      advancing = undefined;
    });
    return advancing;
  }

  function answerFrom(since: number): Buffer | undefined {
    const known = answers.get(since);
    if (known !== undefined) return known;
    const slice = tail.after(since, CHANGES_BYTES_MAX - ENVELOPE_BYTES);
    if (slice === undefined) return undefined;
    const more = slice.to < tail.rev();
    const answer = encodeAnswer({ feed_id: feedId, from: since, ...slice, more, checkpoint: head.checkpoint_rev });
    if (answers.size < ANSWERS_MAX) answers.set(since, answer);
    return answer;
  }

  function wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, timeoutMs);
      signal.addEventListener("abort", end, { once: true });
      waiting.add(end);
    });
  }

  function wakeAll(): void {
    for (const end of [...waiting]) end();
  }

  return {
    scope,
    feedId,
    head: () => head,
    rev: () => tail.rev(),
    meet: (met) => {
      head = met;
    },
    advance,
    answerFrom,
    wait,
    wakeAll,
  };
}

/** The reply with records that were encoded before: nothing of them is encoded per agent. */
export function encodeAnswer(reply: Omit<ChangesReply, "records"> & { readonly records: readonly Buffer[] }): Buffer {
  const { feed_id, from, to, more, checkpoint } = reply;
  const envelope = JSON.stringify({ feed_id, from, to, more, checkpoint, records: [] });
  const parts = reply.records.flatMap((record, index) => (index === 0 ? [record] : [COMMA, record]));
  return Buffer.concat([Buffer.from(envelope.slice(0, -"]}".length)), ...parts, Buffer.from("]}")]);
}

const COMMA = Buffer.from(",");
