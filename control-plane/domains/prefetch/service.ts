// Takes prefetches from customers: checked, written out as edges ask, and sent on their way in one transaction.
import { randomUUID } from "node:crypto";
import type { FieldFault } from "../../../platform/problem.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { recordAudit } from "../audit/index.ts";
import { type DistributionRecord, findDesiredDistribution, getLivingDistribution } from "../distribution/index.ts";
import { readTarget } from "../purge/index.ts";
import { appendPrefetches } from "./jobs.ts";
import { absoluteUrl, type Place } from "./rules.ts";
import type { CreatePrefetchInput, PrefetchReply } from "./schema.ts";
import { insertPrefetch, type PrefetchRow } from "./store.ts";

export type PrefetchService = ReturnType<typeof createPrefetchService>;

export function createPrefetchService({ db, clock }: { db: Database; clock: () => Date }) {
  async function request(caller: Caller, distributionId: string, input: CreatePrefetchInput): Promise<PrefetchReply> {
    return inTransaction(db, async (tx) => {
      const now = clock();
      const distribution = await getLivingDistribution(tx, caller, distributionId);
      const urls = readUrls(input.urls, distribution, await placeOf(tx, distribution));
      const row: PrefetchRow = {
        ...{ id: randomUUID(), distribution_id: distributionId, urls },
        ...{ created_by: caller.userId, created_at: now, appended_at: null },
      };
      await insertPrefetch(tx, row);
      await recordRequest(tx, caller, row);
      await enqueueJob(tx, appendPrefetches, {});
      const { id, created_by } = row;
      const made = { id, distribution_id: distributionId, urls: [...urls], created_by };
      return { ...made, status: "pending", created_at: now.toISOString() };
    });
  }

  return { request };
}

/** Each once; all faults at once. */
function readUrls(
  texts: readonly string[],
  { domain, cname }: DistributionRecord,
  otherwise: Place,
): readonly string[] {
  const faults: FieldFault[] = [];
  const urls = new Set<string>();
  for (const [index, text] of texts.entries()) {
    const reading = readTarget(text, [domain, cname]);
    if ("fault" in reading) faults.push({ pointer: `/urls/${index}`, detail: reading.fault });
    else urls.add(absoluteUrl(text, reading.target, otherwise));
  }
  if (faults.length > 0) throw invalidRequest(faults);
  return [...urls];
}

/** The first name that it is served under. */
async function placeOf(reads: Reads, { id, cname }: DistributionRecord): Promise<Place> {
  const desired = await findDesiredDistribution(reads, id);
  const hosts = desired?.serve === true ? desired.distribution.hosts : [];
  return { scheme: "http", host: hosts.find((host) => !host.startsWith("*.")) ?? cname };
}

async function recordRequest(tx: Tx, caller: Caller, { id, distribution_id, urls }: PrefetchRow): Promise<void> {
  await recordAudit(tx, caller, {
    ...{ action: "distribution.prefetch", accountId: caller.accountId },
    ...{ resourceType: "distribution", resourceId: distribution_id },
    changes: [{ pointer: `/prefetches/${id}`, after: { urls } }],
  });
}
