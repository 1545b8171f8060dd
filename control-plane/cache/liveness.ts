// May the caches be believed right now? Only while both who tell of writes are heard: Redis, and Postgres with the epoch.
import { createHash } from "node:crypto";

/** Other processes follow a write at least so soon: what was not heard in this time is asked for. */
export const FOLLOW_MS = 100;
/** Often enough, under traffic, for memory to be believed without a pause. */
const PROVE_AFTER_MS = 30;
/** Three of its heartbeats missed. */
const POSTGRES_SILENCE_MAX_MS = 3_000;

export interface Liveness {
  /** What entries in Redis must be tagged with to be believed. Undefined: believe none, keep none. */
  tag(now: number): string | undefined;
  /** Whether everything that Redis said more than 100 ms ago has been heard, so that memory may be believed. */
  isPrompt(now: number): boolean;
  /** Looks again; whatever was kept in memory is forgotten when the tag is another. */
  changed(): void;
}

export function createLiveness(settings: {
  sessions: { runId(): string | undefined; provenAt(): number; prove(): void };
  epochs: { epoch(): string | undefined; provenAt(): number };
  /** The tag is another, or there is none. */
  onChange: () => void;
}): Liveness {
  const { sessions, epochs, onChange } = settings;
  let tag: string | undefined;
  return {
    tag: (now) => (now - epochs.provenAt() < POSTGRES_SILENCE_MAX_MS ? tag : undefined),
    isPrompt(now) {
      const silentMs = now - sessions.provenAt();
      if (silentMs > PROVE_AFTER_MS) sessions.prove();
      return silentMs < FOLLOW_MS;
    },
    changed() {
      const next = tagOf(sessions.runId(), epochs.epoch());
      if (next === tag) return;
      tag = next;
      onChange();
    },
  };
}

/**
 * A Redis that starts again may hold what was deleted in its last second, and a database that was restored never heard of
 * what is cached: with either, all entries are strangers.
 */
function tagOf(runId: string | undefined, epoch: string | undefined): string | undefined {
  return runId === undefined || epoch === undefined ? undefined : fingerprint(`${runId}/${epoch}`);
}

export function fingerprint(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
