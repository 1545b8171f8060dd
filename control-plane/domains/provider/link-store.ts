// The provider_link table: which resource of a provider serves which distribution, and when. Models stay in this file.
import { Model, snakeCaseMappers } from "objection";
import { z } from "zod";
import type { Columns } from "../../database/columns.ts";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../database/paging.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import type { ProviderName } from "./statistics.ts";

const LINKS_MAX = 100_000;

class ProviderLinkModel extends Model {
  static override tableName = "provider_link";
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare provider: ProviderName;
  declare resource: string;
  declare accountId: string;
  declare distributionId: string;
  declare since: Date;
  /** Null: until further notice. */
  declare until: Date | null;
  declare syncedUntil: Date | null;
  declare revisedAt: Date | null;
  declare syncError: string | null;
  declare createdBy: string | null;
  declare createdAt: Date;
  /** Only where a page was asked for. */
  declare pageKey?: string;
}
export type LinkRecord = Omit<Columns<ProviderLinkModel>, "pageKey">;

export async function insertLink(tx: Tx, link: LinkRecord): Promise<void> {
  await ProviderLinkModel.query(tx).insert(link);
}

export async function updateLink(tx: Tx, id: string, changes: Partial<LinkRecord>): Promise<void> {
  await ProviderLinkModel.query(tx).findById(id).patch(changes);
}

export async function deleteLink(tx: Tx, id: string): Promise<void> {
  await ProviderLinkModel.query(tx).deleteById(id);
}

/** The newest first. Read under the provider's lock by whoever changes them. */
export async function findLinksOfResource(
  reads: Reads,
  { provider, resource }: Pick<LinkRecord, "provider" | "resource">,
): Promise<readonly LinkRecord[]> {
  return ProviderLinkModel.query(reads).where({ provider, resource }).orderBy("since", "desc").limit(LINKS_MAX);
}

export interface LinkFilter {
  readonly provider: ProviderName;
  readonly resource?: string | undefined;
  readonly distributionId?: string | undefined;
}

/** One more than the page holds. */
export async function findLinks(
  reads: Reads,
  { provider, resource, distributionId }: LinkFilter,
  page: PageQuery,
): Promise<readonly (LinkRecord & { readonly page_key: string })[]> {
  const query = ProviderLinkModel.query(reads)
    .select("*", ProviderLinkModel.raw(PAGE_KEY))
    .where({ provider })
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  if (resource !== undefined) query.where({ resource });
  if (distributionId !== undefined) query.where({ distribution_id: distributionId });
  return (await query).map(({ pageKey = "", ...link }) => ({ ...link, page_key: pageKey }));
}

/** All that may still be told anything new: what ended long ago and was taken over is not. */
export async function findLinksToSync(
  reads: Reads,
  { provider, endedAfter }: { provider: ProviderName; endedAfter: Date },
): Promise<readonly LinkRecord[]> {
  return (
    ProviderLinkModel.query(reads)
      .where({ provider })
      .where((open) =>
        open
          .whereNull("until")
          .orWhere("until", ">", endedAfter)
          .orWhereNull("synced_until")
          .orWhereRaw("synced_until < until"),
      )
      // Who is nearly up to date comes first: whose past is taken over takes long, and each run goes on with it.
      .orderByRaw("synced_until desc nulls last, resource, since")
      .limit(LINKS_MAX)
  );
}

/** Whether an enabled provider has not yet told of everything before this that it carried for us. */
export async function areProvidersBehind(reads: Reads, before: Date): Promise<boolean> {
  const behind = await ProviderLinkModel.query(reads)
    .alias("link")
    .select("link.id")
    .join("provider", "provider.name", "link.provider")
    .where("provider.is_enabled", true)
    .where("link.since", "<", before)
    .whereRaw("(link.synced_until is null or link.synced_until < least(link.until, ?::timestamptz))", [before])
    .first();
  return behind !== undefined;
}

export interface Synced {
  /** What was asked for, with nothing missing in it. */
  readonly from: Date;
  readonly until: Date;
  /** What is older can no longer be taken over, so nobody waits for it. */
  readonly oldest: Date;
  /** When everything that may be revised was asked for, if it was. */
  readonly revisedAt: Date | undefined;
}

/** Never back: another process may have come further. And over no gap: what lies before it would never be asked for again. */
export async function recordSynced(
  tx: Tx,
  ids: readonly string[],
  { from, until, oldest, revisedAt }: Synced,
): Promise<void> {
  await ProviderLinkModel.query(tx)
    .patch({
      syncedUntil: ProviderLinkModel.raw("greatest(synced_until, ?::timestamptz)", [until]),
      syncError: null,
      ...(revisedAt === undefined ? {} : { revisedAt }),
    })
    .whereIn("id", [...ids])
    .whereRaw("?::timestamptz <= greatest(synced_until, since, ?::timestamptz)", [from, oldest]);
}

export async function recordLeftOut(tx: Tx, ids: readonly string[], error: string): Promise<void> {
  await ProviderLinkModel.query(tx)
    .patch({ syncError: error })
    .whereIn("id", [...ids]);
}

const pullSchema = z.object({ rows: z.tuple([z.object({ pull: z.coerce.string() })]) });

/** Of two answers that name the same bucket, the one with the greater number counts. */
export async function nextPull(reads: Reads): Promise<string> {
  return pullSchema.parse(await reads.raw("select nextval('provider_pull') as pull")).rows[0].pull;
}
