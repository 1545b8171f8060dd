// Keeps the journal short: when it is long and the control plane has a newer checkpoint, that is downloaded beside the
// work and takes the place of the old base. What is served does not change by it.
import type { Edge } from "./edge.ts";
import type { StagedBase } from "./persist.ts";
import { downloadCheckpoint } from "./snapshot.ts";

const JOURNAL_RECORDS_MAX = 2_000;
const JOURNAL_BYTES_MAX = 16 * 1024 * 1024;
/** The last good version of a refused document lies in the old frames only: they are kept while the disk can bear it. */
const KEPT_FOR_REFUSED = 8;
const RETRY_AFTER_MS = 60_000;

export interface Compaction {
  /** Begins a download when one is worth it. `checkpoint` is the newest one that the control plane has. */
  consider(checkpoint: number): void;
  /** Between two pages: puts a finished download into place. */
  adoptFinished(): Promise<void>;
  /** Gives up what is under way: a snapshot needs the place. */
  cancel(): Promise<void>;
}

interface Finished {
  readonly staged: StagedBase;
  readonly rev: number;
}

export function createCompaction(edge: Edge, stopping: AbortSignal): Compaction {
  let running: { abort: AbortController; done: Promise<void> } | undefined;
  let finished: Finished | undefined;
  let notBefore = 0;

  async function download(feedId: string, signal: AbortSignal): Promise<void> {
    const answer = await edge.controlPlane.snapshot(signal);
    if (answer.kind === "none") return;
    if (answer.feedId !== feedId) {
      // Nobody reads it: the connection would be held until the control plane falls silent.
      answer.file.destroy();
      return;
    }
    const staged = await edge.state.stage();
    const feed = { feedId, scope: edge.scope };
    const { rev } = await downloadCheckpoint(edge, feed, { file: answer.file, staged }, signal);
    finished = { staged, rev };
  }

  function begin(feedId: string): void {
    const abort = new AbortController();
    const done = download(feedId, AbortSignal.any([abort.signal, stopping]))
      .catch((error: unknown) => {
        notBefore = Date.now() + RETRY_AFTER_MS;
        if (!abort.signal.aborted && !stopping.aborted)
          edge.log.warn({ error }, "the journal could not be shortened yet");
      })
      .finally(() => {
        running = undefined;
      });
    running = { abort, done };
  }

  return {
    consider: (checkpoint) => {
      const feed = edge.state.feed();
      const isBusy = running !== undefined || finished !== undefined || Date.now() < notBefore;
      if (isBusy || feed === undefined || checkpoint <= edge.state.baseRev()) return;
      if (isLong(edge)) begin(feed.feedId);
    },
    adoptFinished: async () => {
      const feed = edge.state.feed();
      if (finished === undefined || feed === undefined) return;
      const { staged, rev } = finished;
      // Deletions up to the checkpoint are in the journal alone: nginx must have seen them before it goes.
      if (rev > edge.progress.applied) return;
      finished = undefined;
      await edge.state.adopt(staged, { feed, baseRev: rev, index: edge.state.index(), keepJournal: true });
      edge.log.info({ base: rev, journal: edge.state.journalSize().records }, "the journal was shortened");
    },
    cancel: async () => {
      running?.abort.abort();
      await running?.done;
      finished = undefined;
    },
  };
}

function isLong({ state, refusals }: Edge): boolean {
  const { records, bytes } = state.journalSize();
  const patience = refusals.count() > 0 ? KEPT_FOR_REFUSED : 1;
  return records > JOURNAL_RECORDS_MAX * patience || bytes > JOURNAL_BYTES_MAX * patience;
}
