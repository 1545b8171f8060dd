// When something changes that many distributions are made of (a cache policy, a certificate, an edge group's parent), each of
// them is deployed anew, a page at a time: a page and the job of the next one are one transaction, so whoever is killed goes on
// where it was.
import type { Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { distributionChanged } from "./jobs.ts";
import { type Dependence, lockDependants, type Page, updateDistribution } from "./store.ts";

export const REDEPLOYED_AT_ONCE = 100;

/** Answers after which one the next page begins; undefined: this was the last. */
export async function redeployPage(tx: Tx, on: Dependence, page: Page): Promise<string | undefined> {
  const ids = await lockDependants(tx, on, page);
  for (const id of ids) {
    // The version alone: what was compiled before is known to be old.
    await updateDistribution(tx, id, {});
    await enqueueJob(tx, distributionChanged, { distribution_id: id });
  }
  return ids.length < page.limit ? undefined : ids.at(-1);
}
