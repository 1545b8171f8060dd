// Takes purges from customers: checked, spelt as the edges spell, numbered by the distribution's epoch and sent on their way
// in one transaction.
import { randomUUID } from "node:crypto";
import { PURGE_BODY_BYTES_MAX } from "../../../agents/contract.ts";
import { type FieldFault, Problem } from "../../../platform/problem.ts";
import { type PageQuery, pageOf } from "../../database/paging.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import { type Budget, withoutBudget } from "../../http/budget.ts";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { createSharedWait } from "../../http/shared-wait.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { recordAudit } from "../audit/index.ts";
import {
  type DistributionRecord,
  findDesiredDistribution,
  getLivingDistribution,
  getOwnDistribution,
} from "../distribution/index.ts";
import { bodyOf } from "./append.ts";
import { assertNotTooMuch, auditedItems, tooMuch } from "./extent.ts";
import { MARKS_MAX } from "./forget.ts";
import { appendPurges, foldPurges } from "./jobs.ts";
import { unknownPurge } from "./problems.ts";
import { purgesToReply, purgeToReply } from "./read-model.ts";
import { type PurgeType, type Reading, readPrefix, readTarget, withAnyQuery } from "./rules.ts";
import type { CreatePurgeInput, ListedPurgeReply, PurgeReply } from "./schema.ts";
import { findListedPurges, findPurge, insertPurge, listPurges, type PurgeRow, raiseEpoch } from "./store.ts";

export type PurgeService = ReturnType<typeof createPurgeService>;

export interface PurgePlace {
  readonly id: string;
  readonly purgeId: string;
}

export interface PurgeServiceSettings {
  readonly db: Database;
  readonly clock: () => Date;
  /** Of what is named in purges; everything counts as one. */
  readonly budget?: Budget;
}

export function createPurgeService({ db, clock, budget = withoutBudget }: PurgeServiceSettings) {
  const outcomes = createSharedWait<string>(async (ids) => {
    const purges = await purgesToReply(db, await findListedPurges(db, ids), clock());
    const pending = new Set(purges.flatMap(({ id, status }) => (status === "done" || status === "failed" ? [] : [id])));
    return (id) => !pending.has(id);
  });

  /** Also of a distribution that is disabled, or that no edge has yet: what is purged is purged when it is served. */
  async function request(caller: Caller, distributionId: string, input: CreatePurgeInput): Promise<PurgeReply> {
    return inTransaction(db, async (tx) => {
      const now = clock();
      const distribution = await getLivingDistribution(tx, caller, distributionId);
      assertNotTooMuch("urls", input.urls ?? []);
      assertNotTooMuch("prefixes", input.prefixes ?? []);
      const { type, items } = await readItems(tx, distribution, input);
      const marks = type === "all" ? 1 : items.length;
      await budget.spend(caller.accountId, marks);
      const head = await raiseEpoch(tx, { distributionId, now, marks });
      const content = { distribution_id: distributionId, epoch: head.epoch, type, items };
      const bytes = Buffer.byteLength(bodyOf(content));
      if (bytes > PURGE_BODY_BYTES_MAX) throw invalidRequest([tooMuch(type)]);
      const row: PurgeRow = {
        ...{ id: randomUUID(), ...content, marks, bytes, is_live: true },
        ...{ created_by: caller.userId, created_at: now, appended_at: null },
      };
      await insertPurge(tx, row);
      await recordRequest(tx, caller, row);
      await enqueueJob(tx, appendPurges, {});
      const isFoldDue = (type === "all" && head.marks > marks) || head.marks > MARKS_MAX;
      if (isFoldDue) await enqueueJob(tx, foldPurges, { distribution_id: distributionId });
      return purgeToReply(tx, row, now);
    });
  }

  /** Also of a distribution that was deleted. */
  async function get(caller: Pick<Caller, "accountId">, { id, purgeId }: PurgePlace): Promise<PurgeReply> {
    await getOwnDistribution(db, caller, id);
    const row = await findPurge(db, { distributionId: id, id: purgeId });
    if (row === undefined) throw new Problem(unknownPurge, "No purge of this distribution has this id.");
    return purgeToReply(db, row, clock());
  }

  async function list(
    caller: Pick<Caller, "accountId">,
    id: string,
    page: PageQuery,
  ): Promise<{ data: ListedPurgeReply[]; next_cursor: string | null }> {
    await getOwnDistribution(db, caller, id);
    const rows = await listPurges(db, id, page);
    const replies = new Map((await purgesToReply(db, rows, clock())).map((reply) => [reply.id, reply]));
    const { data, next_cursor } = pageOf(rows, page, (row) => replies.get(row.id));
    return { data: data.flatMap((reply) => reply ?? []), next_cursor };
  }

  /** Until no edge that answers serves what is purged, or the time is over. */
  async function untilDone(
    caller: Pick<Caller, "accountId">,
    place: PurgePlace,
    { waitSeconds, signal }: { waitSeconds: number; signal: AbortSignal },
  ): Promise<PurgeReply> {
    await outcomes.until(place.purgeId, AbortSignal.any([signal, AbortSignal.timeout(waitSeconds * 1000)]));
    return get(caller, place);
  }

  return { request, get, list, untilDone };
}

interface Items {
  readonly type: PurgeType;
  readonly items: readonly string[];
}

async function readItems(reads: Reads, distribution: DistributionRecord, input: CreatePurgeInput): Promise<Items> {
  if (input.urls !== undefined) return { type: "urls", items: await readUrls(reads, distribution, input.urls) };
  if (input.prefixes !== undefined) return { type: "prefixes", items: itemsOf("prefixes", input.prefixes, readPrefix) };
  if (input.tags !== undefined) return { type: "tags", items: [...new Set(input.tags)] };
  return { type: "all", items: [] };
}

async function readUrls(
  reads: Reads,
  { id, domain, cname }: DistributionRecord,
  urls: readonly string[],
): Promise<readonly string[]> {
  const targets = itemsOf("urls", urls, (url) => readTarget(url, [domain, cname]));
  if (!targets.some((target) => target.includes("?")) || !(await leavesParametersOut(reads, id))) return targets;
  return [...new Set(targets.map(withAnyQuery))];
}

/** Where a rule keeps one answer for several queries, the query of a URL does not tell which answer is meant. */
async function leavesParametersOut(reads: Reads, id: string): Promise<boolean> {
  const desired = await findDesiredDistribution(reads, id);
  return desired?.serve === true && desired.distribution.cacheRules.some(({ query }) => query.mode !== "all");
}

/** Each once; all faults at once. */
function itemsOf(
  field: "urls" | "prefixes",
  texts: readonly string[],
  read: (text: string) => Reading,
): readonly string[] {
  const readings = texts.map(read);
  const faults = readings.flatMap((reading, index): FieldFault[] =>
    "fault" in reading ? [{ pointer: `/${field}/${index}`, detail: reading.fault }] : [],
  );
  if (faults.length > 0) throw invalidRequest(faults);
  return [...new Set(readings.flatMap((reading) => ("target" in reading ? [reading.target] : [])))];
}

async function recordRequest(
  tx: Tx,
  caller: Caller,
  { id, distribution_id, type, marks, items }: PurgeRow,
): Promise<void> {
  const after = { type, count: marks, items: auditedItems(items) };
  await recordAudit(tx, caller, {
    ...{ action: "distribution.purge", accountId: caller.accountId },
    ...{ resourceType: "distribution", resourceId: distribution_id },
    changes: [{ pointer: `/purges/${id}`, after }],
  });
}
