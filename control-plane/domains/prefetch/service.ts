// Takes prefetches from customers: checked, written out as edges ask, and sent on their way in one transaction.
import { randomUUID } from "node:crypto";
import { PURGE_BODY_BYTES_MAX } from "../../../agents/contract.ts";
import type { FieldFault } from "../../../platform/problem.ts";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import { type Budget, withoutBudget } from "../../http/budget.ts";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { recordAudit } from "../audit/index.ts";
import { findDesiredDistribution, getLivingDistribution } from "../distribution/index.ts";
import { assertNotTooMuch, auditedItems, readTarget, tooMuch } from "../purge/index.ts";
import { bodyOf } from "./append.ts";
import { appendPrefetches } from "./jobs.ts";
import { absoluteUrl, type Place } from "./rules.ts";
import type { CreatePrefetchInput, PrefetchReply } from "./schema.ts";
import { insertPrefetch, type PrefetchRow } from "./store.ts";

export type PrefetchService = ReturnType<typeof createPrefetchService>;

export interface PrefetchServiceSettings {
  readonly db: Database;
  readonly clock: () => Date;
  /** Of URLs. */
  readonly budget?: Budget;
}

export function createPrefetchService({ db, clock, budget = withoutBudget }: PrefetchServiceSettings) {
  async function request(caller: Caller, distributionId: string, input: CreatePrefetchInput): Promise<PrefetchReply> {
    return inTransaction(db, async (tx) => {
      const now = clock();
      const distribution = await getLivingDistribution(tx, caller, distributionId);
      assertNotTooMuch("urls", input.urls);
      const desired = await findDesiredDistribution(tx, distributionId);
      const { hosts, redirectHttpToHttps: isLed } = desired?.serve === true ? desired.distribution : NOTHING_SERVED;
      const urls = readUrls(input.urls, hosts, placeOf(hosts, distribution.cname, isLed));
      const body = bodyOf({ distribution_id: distributionId, urls });
      // Escapes may make it longer than it came.
      if (Buffer.byteLength(body) > PURGE_BODY_BYTES_MAX) throw invalidRequest([tooMuch("urls")]);
      await budget.spend(caller.accountId, urls.length);
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

/**
 * Each once; all faults at once. On hosts that it is served under: where another's claim serves its domain, edges would
 * fetch for that other one.
 */
function readUrls(texts: readonly string[], hosts: readonly string[], otherwise: Place): readonly string[] {
  const faults: FieldFault[] = [];
  const urls = new Set<string>();
  for (const [index, text] of texts.entries()) {
    const reading = readTarget(text, hosts);
    if ("fault" in reading) faults.push({ pointer: `/urls/${index}`, detail: reading.fault });
    else urls.add(absoluteUrl(text, reading.target, otherwise));
  }
  if (faults.length > 0) throw invalidRequest(faults);
  return [...urls];
}

const NOTHING_SERVED = { hosts: [], redirectHttpToHttps: false };

/** The first name that it is served under. Where viewers are led to HTTPS, over HTTP there is nothing to keep. */
function placeOf(hosts: readonly string[], cname: string, isLedToHttps: boolean): Place {
  return { scheme: isLedToHttps ? "https" : "http", host: hosts.find((host) => !host.startsWith("*.")) ?? cname };
}

async function recordRequest(tx: Tx, caller: Caller, { id, distribution_id, urls }: PrefetchRow): Promise<void> {
  await recordAudit(tx, caller, {
    ...{ action: "distribution.prefetch", accountId: caller.accountId },
    ...{ resourceType: "distribution", resourceId: distribution_id },
    changes: [{ pointer: `/prefetches/${id}`, after: { count: urls.length, items: auditedItems(urls) } }],
  });
}
