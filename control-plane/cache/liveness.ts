// May the caches be believed right now? Only while both who tell of writes are heard: Redis, and Postgres with the epoch.
import { createHash } from "node:crypto";

/** Three missed heartbeats: what was not heard in that time may be a write. */
const SILENCE_MAX_MS = 3_000;

/** Either of the two; both prove themselves again and again. */
interface Witness {
  /** By performance.now(). */
  provenAt(): number;
}

export interface Liveness {
  /** What entries must be tagged with to be believed. Undefined: believe none, keep none. */
  tag(now: number): string | undefined;
  /** Looks again; whatever was kept in memory is forgotten when the tag is another. */
  changed(): void;
}

export function createLiveness(settings: {
  sessions: Witness & { runId(): string | undefined };
  epochs: Witness & { epoch(): string | undefined };
  /** The tag is another, or there is none. */
  onChange: () => void;
}): Liveness {
  const { sessions, epochs, onChange } = settings;
  let tag: string | undefined;
  return {
    tag(now) {
      const oldest = now - SILENCE_MAX_MS;
      return sessions.provenAt() > oldest && epochs.provenAt() > oldest ? tag : undefined;
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
