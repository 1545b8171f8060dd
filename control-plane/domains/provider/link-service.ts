// Which resource of a provider serves which distribution, as operators say it.
import { randomUUID } from "node:crypto";
import { Problem } from "../../../platform/problem.ts";
import type { PageQuery } from "../../database/paging.ts";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import type { Actor } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { recordAudit } from "../audit/index.ts";
import { findOwners, getLivingDistribution } from "../distribution/index.ts";
import { linkEnd, linkStart } from "./link-rules.ts";
import {
  deleteLink,
  findLinks,
  findLinksOfResource,
  insertLink,
  type LinkFilter,
  type LinkRecord,
  updateLink,
} from "./link-store.ts";
import { providerNotConfigured, unknownProviderLink } from "./problems.ts";
import type { LinkInput } from "./schema.ts";
import { titles } from "./settings.ts";
import type { ProviderName } from "./statistics.ts";
import { lockProvider } from "./store.ts";

export type ProviderLinkService = ReturnType<typeof createProviderLinkService>;

interface Place {
  readonly provider: ProviderName;
  readonly resource: string;
}

export function createProviderLinkService({ db, clock }: { db: Database; clock: () => Date }) {
  function list(filter: LinkFilter, page: PageQuery) {
    return findLinks(db, filter, page);
  }

  /** Said again of the same distribution, it changes nothing. */
  async function put(actor: Actor, place: Place, { distribution_id: distributionId, since: asked }: LinkInput) {
    return inTransaction(db, async (tx) => {
      await assertConfigured(tx, place.provider);
      const accountId = await livingOwner(tx, distributionId);
      const [last] = await findLinksOfResource(tx, place);
      if (last?.until === null && last.distributionId === distributionId && asked === undefined) return last;
      const now = clock();
      const start = linkStart(last, asked, now);
      if ("fault" in start) throw invalidRequest([{ pointer: "/since", detail: start.fault }]);
      if (start.endsCurrent && last !== undefined) await end(tx, last, start.since);
      const link: LinkRecord = {
        ...{ id: randomUUID(), ...place, accountId, distributionId, since: start.since, until: null },
        ...{ syncedUntil: null, revisedAt: null, syncError: null, createdBy: actor.userId, createdAt: now },
      };
      await insertLink(tx, link);
      const before = last?.until === null ? last.distributionId : undefined;
      const changes = [
        { pointer: "/distribution_id", ...(before === undefined ? {} : { before }), after: distributionId },
        { pointer: "/since", after: start.since.toISOString() },
      ];
      await record(tx, actor, place, { action: "provider-link.put", changes });
      return link;
    });
  }

  /** What was counted stays; until the next five minutes its traffic is still the distribution's. */
  async function remove(actor: Actor, place: Place): Promise<void> {
    await inTransaction(db, async (tx) => {
      await assertConfigured(tx, place.provider);
      const [last] = await findLinksOfResource(tx, place);
      if (last === undefined || last.until !== null) {
        throw new Problem(unknownProviderLink, `Nothing is linked to ${place.resource} of ${titles[place.provider]}.`);
      }
      await end(tx, last, linkEnd(last, clock()));
      const changes = [{ pointer: "/distribution_id", before: last.distributionId }];
      await record(tx, actor, place, { action: "provider-link.delete", changes });
    });
  }

  return { list, put, remove };
}

/** One that would end before it begins was never there. */
async function end(tx: Tx, link: LinkRecord, until: Date | undefined): Promise<void> {
  if (until === undefined || until <= link.since) await deleteLink(tx, link.id);
  else await updateLink(tx, link.id, { until });
}

async function assertConfigured(tx: Tx, provider: ProviderName): Promise<void> {
  if ((await lockProvider(tx, provider)) !== undefined) return;
  throw new Problem(
    providerNotConfigured,
    `Give ${titles[provider]} its credentials first (PUT /providers/${provider}).`,
  );
}

async function livingOwner(tx: Tx, distributionId: string): Promise<string> {
  const accountId = (await findOwners(tx, [distributionId])).get(distributionId);
  if (accountId === undefined) {
    throw invalidRequest([{ pointer: "/distribution_id", detail: "names no distribution." }]);
  }
  await getLivingDistribution(tx, { accountId }, distributionId);
  return accountId;
}

async function record(
  tx: Tx,
  actor: Actor,
  { provider, resource }: Place,
  { action, changes }: Pick<Parameters<typeof recordAudit>[2], "action" | "changes">,
): Promise<void> {
  const resourceId = `${provider}/${resource}`;
  await recordAudit(tx, actor, { action, accountId: null, resourceType: "provider-link", resourceId, changes });
}
