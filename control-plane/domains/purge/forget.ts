// What makes purges needless: a newer one that says the same and more, too many of them, and time.
import { inTransaction } from "../../database/transaction.ts";
import {
  type AppendSettings,
  appendToCarriers,
  appendToGroups,
  BATCH_MAX,
  type Candidate,
  candidate,
  findPassed,
  keyOf,
  openWriter,
  scopesOf,
} from "../feed/index.ts";
import { appendWaiting, foldCandidate } from "./append.ts";
import { moveDeliveries } from "./delivery-store.ts";
import { MARK_LIFETIME_MS } from "./lifetime.ts";
import {
  deletePurges,
  endLives,
  endOutlived,
  findHalfway,
  findMarkCount,
  findNewestAll,
  lockHeads,
  lockLive,
  recountMarks,
} from "./store.ts";

/** So many marks of one distribution may be live; above, the older half becomes one that says `all`. */
export const MARKS_MAX = 200_000;
const DAY_MS = 24 * 3_600_000;
/** For so long a purge can be read of. */
const KEPT_MS = 90 * DAY_MS;
const DELETED_AT_ONCE = 5_000;
const TOMBSTONE_VERSION = 2;

/** Makes older purges of a distribution tombstones, behind the mark that says what they said. */
export async function foldPurges(
  settings: AppendSettings & { readonly marksMax?: number },
  distributionId: string,
  signal: AbortSignal,
): Promise<void> {
  await appendWaiting(settings);
  const newestAll = await findNewestAll(settings.db, distributionId);
  if (newestAll !== undefined) await removeUpTo(settings, { distributionId, upTo: newestAll - 1 }, signal);
  if ((await findMarkCount(settings.db, distributionId)) <= (settings.marksMax ?? MARKS_MAX)) return;
  const halfway = await findHalfway(settings.db, distributionId);
  if (halfway === undefined) return;
  await appendFold(settings, distributionId, halfway);
  await removeUpTo(settings, { distributionId, upTo: halfway }, signal);
}

async function appendFold(
  { db, signer, clock, announce }: AppendSettings,
  distributionId: string,
  epoch: number,
): Promise<void> {
  const appendedTo = await inTransaction(db, async (tx) => {
    const writer = await openWriter(tx, { signer, now: clock() });
    const fold = { distributionId, candidate: foldCandidate(distributionId, epoch) };
    return scopesOf(await appendToCarriers(tx, writer, [fold]));
  });
  for (const scope of appendedTo) announce(scope);
}

/** A batch at a time: a killed worker's successor goes on where it stopped. */
async function removeUpTo(
  { db, signer, clock, announce }: AppendSettings,
  { distributionId, upTo }: { distributionId: string; upTo: number },
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const removed = await inTransaction(db, async (tx) => {
      const rows = await lockLive(tx, { distributionId, upTo, limit: BATCH_MAX });
      if (rows.length === 0) return { count: 0, appendedTo: [] };
      await lockHeads(tx, [distributionId]);
      const writer = await openWriter(tx, { signer, now: clock() });
      const groups = await appendToGroups(tx, writer, async () =>
        rows.map(({ id, epoch }) => tombstone("purge", id, epoch)),
      );
      for (const { scope, appended } of groups) {
        const gone = rows.flatMap(({ id }) => {
          const result = appended.get(keyOf({ kind: "purge", id }));
          return result?.outcome === "append" ? [{ id, rev: result.rev }] : [];
        });
        // Whoever has not applied it gets it by the mark that stands before this tombstone.
        await moveDeliveries(tx, scope, gone);
      }
      await endLives(
        tx,
        rows.map(({ id }) => id),
      );
      await recountMarks(tx, [distributionId]);
      return { count: rows.length, appendedTo: scopesOf(groups) };
    });
    for (const scope of removed.appendedTo) announce(scope);
    if (removed.count < BATCH_MAX) return;
  }
}

/** Nothing that edges keep is as old as these any more; and what nobody asks for goes. */
export async function forgetPurges(settings: AppendSettings, signal: AbortSignal): Promise<void> {
  const { db, clock } = settings;
  const now = clock().getTime();
  const outlived = now - MARK_LIFETIME_MS;
  await forgetPassed(settings, { kind: "purge", before: outlived }, signal);
  await untilNone(signal, async () => {
    const ended = await inTransaction(db, async (tx) => {
      const distributions = await endOutlived(tx, outlived, BATCH_MAX);
      await recountMarks(tx, [...new Set(distributions)]);
      return distributions.length;
    });
    return ended;
  });
  await untilNone(signal, () => inTransaction(db, (tx) => deletePurges(tx, new Date(now - KEPT_MS), DELETED_AT_ONCE)));
}

interface Passed {
  readonly kind: "purge" | "prefetch";
  /** Milliseconds: what was asked for earlier goes. */
  readonly before: number;
}

/** Takes records out of all feeds whose time is over. Agents need not be woken for that. */
export async function forgetPassed(
  { db, signer, clock }: AppendSettings,
  { kind, before }: Passed,
  signal: AbortSignal,
): Promise<void> {
  await untilNone(signal, () =>
    inTransaction(db, async (tx) => {
      const passed = await findPassed(tx, kind, before, BATCH_MAX);
      if (passed.length === 0) return 0;
      const writer = await openWriter(tx, { signer, now: clock() });
      const tombstones = passed.map((record) => tombstone(kind, record.id, record.source_version));
      await appendToGroups(tx, writer, async () => tombstones);
      return passed.length;
    }),
  );
}

async function untilNone(signal: AbortSignal, work: () => Promise<number>): Promise<void> {
  while ((await work()) > 0) signal.throwIfAborted();
}

function tombstone(kind: Passed["kind"], id: string, sourceVersion: number): Candidate {
  return candidate({ kind, id }, "", { sourceVersion, compilerVersion: TOMBSTONE_VERSION });
}
