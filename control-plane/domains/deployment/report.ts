// What agents report, and what it means for deployments. The cost of a report depends on what changed since the last
// one, not on how many distributions there are.
import type { Refusal, ReportReply, ReportRequest } from "../../../agents/contract.ts";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import type { EdgeCaller } from "../../http/caller.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { findGroup, findProgress, findRefusingNodes, recordReport, seenSince } from "../edge-node/index.ts";
import { findFeed, findScope, lockScope } from "../feed/index.ts";
import { settlePurges } from "../purge/index.ts";
import { settleDeployments } from "./jobs.ts";
import { recordOutcomes } from "./status.ts";
import { type DocumentRefusal, findSettling, refuse, settle, settleAbandoned, withdrawRefusals } from "./store.ts";

/** An agent waits for the answer; the rest is a job. */
const SETTLED_PER_REPORT_MAX = 100;
const SETTLED_PER_JOB_MAX = 500;

export type EdgeReportService = ReturnType<typeof createEdgeReportService>;

export function createEdgeReportService({ db, clock }: { db: Database; clock: () => Date }) {
  async function report(edge: EdgeCaller, request: ReportRequest): Promise<ReportReply> {
    return inTransaction(db, async (tx) => {
      const now = clock();
      const feed = await findFeed(tx);
      const scope = await findScope(tx, edge.scope);
      // Numbers of another feed, or beyond this one, say nothing here: with its next poll the agent learns why.
      const isOurs = feed?.feed_id === request.feed_id && !feed.rebuilding && request.applied <= (scope?.rev ?? 0);
      const feedId = isOurs ? request.feed_id : null;
      const recorded = await recordReport(tx, { edgeId: edge.edgeId, report: request, feedId, now });
      if (feedId === null || scope === undefined) return { resync: false };
      if (recorded !== undefined) {
        const previous = recorded.previous?.feed_id === feedId ? recorded.previous.refused : [];
        const moment = await momentOf(tx, edge.scope, feedId, now);
        await follow(tx, moment, {
          appeared: documentsOf(request.refused, previous, recorded.node.name),
          withdrawn: documentsOf(previous, request.refused, recorded.node.name),
        });
        // Behind the scope's lock: whoever appends takes it before these rows.
        await settlePurges(tx, moment);
      }
      return { resync: request.applied === scope.rev && request.state_hash !== scope.state_hash };
    });
  }

  /** Goes on with what one report was too short for. */
  async function settleAll(scope: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const settled = await inTransaction(db, async (tx) => {
        const feed = await findFeed(tx);
        // A group that is gone has nothing to settle.
        if (feed === undefined || (await findGroup(tx, scope)) === undefined) return 0;
        await lockScope(tx, scope);
        const moment = await momentOf(tx, scope, feed.feed_id, clock());
        const ids = moment.isAbandoned
          ? await settleAbandoned(tx, scope, SETTLED_PER_JOB_MAX, moment.now)
          : await settleSome(tx, moment, SETTLED_PER_JOB_MAX);
        await recordOutcomes(tx, ids, moment);
        return ids.length;
      });
      if (settled < SETTLED_PER_JOB_MAX) return;
    }
  }

  return { report, settleAll };
}

interface ScopeMoment {
  readonly scope: string;
  readonly feedId: string;
  /** What every live edge of the scope has applied. */
  readonly applied: number;
  /** It has no edges. */
  readonly isAbandoned: boolean;
  readonly now: Date;
}

async function momentOf(tx: Tx, scope: string, feedId: string, now: Date): Promise<ScopeMoment> {
  const progress = (await findProgress(tx, { feedId, seenSince: seenSince(now), groupId: scope })).get(scope);
  return { scope, feedId, applied: progress?.applied ?? 0, isAbandoned: progress === undefined, now };
}

interface RefusalChanges {
  readonly appeared: readonly DocumentRefusal[];
  readonly withdrawn: readonly DocumentRefusal[];
}

async function follow(tx: Tx, moment: ScopeMoment, changes: RefusalChanges): Promise<void> {
  const { scope, applied, now } = moment;
  const nothingRefused = changes.appeared.length === 0 && changes.withdrawn.length === 0;
  // A heartbeat ends here, without a lock.
  if (nothingRefused && (await findSettling(tx, scope, applied, 1)).length === 0) return;
  await lockScope(tx, scope);
  const withdrawn = await withdrawRefusals(tx, scope, changes.withdrawn, now);
  // Another edge may stand by what this one took back.
  const refused = await refuse(
    tx,
    scope,
    withdrawn.length > 0 ? await standingRefusals(tx, moment) : changes.appeared,
    now,
  );
  const settled = await settleSome(tx, moment, SETTLED_PER_REPORT_MAX);
  const touched = [...withdrawn, ...refused, ...settled];
  await recordOutcomes(tx, touched, moment);
  const rest = await findSettling(tx, scope, applied, 1);
  if (rest.length > 0) await enqueueJob(tx, settleDeployments, { scope });
}

/** Active, or removed, once every live edge has it; but not while one of them refuses this very revision. */
async function settleSome(tx: Tx, moment: ScopeMoment, limit: number): Promise<readonly string[]> {
  const { scope, applied, now } = moment;
  const waiting = await findSettling(tx, scope, applied, limit);
  if (waiting.length === 0) return [];
  const refused = await refuse(tx, scope, await standingRefusals(tx, moment), now);
  const ids = waiting.map((row) => row.distribution_id);
  await settle(tx, scope, ids, now);
  return [...ids, ...refused];
}

async function standingRefusals(tx: Tx, { scope, now }: ScopeMoment): Promise<readonly DocumentRefusal[]> {
  const nodes = await findRefusingNodes(tx, scope, seenSince(now));
  return nodes.flatMap((node) => documentsOf(node.report?.refused ?? [], [], node.name));
}

/** The documents among `refused` that are not among `others`. */
function documentsOf(refused: readonly Refusal[], others: readonly Refusal[], edge: string): DocumentRefusal[] {
  const known = new Set(others.map(({ kind, id, rev }) => `${kind}:${id}:${rev}`));
  return refused
    .filter(({ kind, id, rev }) => kind === "document" && !known.has(`${kind}:${id}:${rev}`))
    .map(({ id, rev, stage, message }) => ({ id, rev, stage, reason: `${edge} refused it (${stage}): ${message}` }));
}
