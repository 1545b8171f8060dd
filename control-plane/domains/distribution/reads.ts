// The reads that customers' programs repeat: one distribution and pages of them, kept as the answers that they become.
import { z } from "zod";
import type { Cache } from "../../cache/cache.ts";
import { pageOf, pageSchema } from "../../database/paging.ts";
import type { Database } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import type { PreparedJson } from "../../http/define-route.ts";
import { preparedJsonSchema, prepareJson } from "../../http/prepared-json.ts";
import { isCutOff } from "../account/index.ts";
import { findSummaries } from "../certificate/index.ts";
import { originsByDistribution } from "../origin/index.ts";
import { distributionToReply } from "./reply.ts";
import { distributionReply, type ListDistributionsQuery } from "./schema.ts";
import { assertKnown, withOrigins } from "./state.ts";
import { findDistribution, findDistributionsOfAccount } from "./store.ts";

export const distributionPage = pageSchema(distributionReply);

const ownedAnswer = preparedJsonSchema.extend({ accountId: z.uuid() });

export type DistributionReads = ReturnType<typeof createDistributionReads>;

export function createDistributionReads({ db, cache }: { db: Database; cache: Pick<Cache, "space"> }) {
  const single = cache.space("distribution", {
    schema: ownedAnswer,
    async load(id: string) {
      const record = await findDistribution(db, id);
      if (record === undefined) return undefined;
      const answer = prepareJson(distributionReply, distributionToReply(await withOrigins(db, record)));
      return { ...answer, accountId: record.accountId };
    },
  });
  const pages = cache.space("distributions-of", {
    schema: preparedJsonSchema,
    async load(accountId: string, asked: ListDistributionsQuery) {
      const standing = { isCutOff: await isCutOff(db, accountId) };
      const listed = await findDistributionsOfAccount(db, accountId, { ...asked, ...standing });
      const origins = await originsByDistribution(
        db,
        listed.map(({ id }) => id),
      );
      const certificates = await findSummaries(
        db,
        listed.flatMap(({ record }) => record.certificateId ?? []),
      );
      const page = pageOf(listed, asked, ({ id, record }) =>
        distributionToReply({
          ...{ record, origins: origins.get(id) ?? [], ...standing },
          certificate: certificates.get(record.certificateId ?? ""),
        }),
      );
      return prepareJson(distributionPage, page);
    },
  });

  /** Also one that was deleted: whoever asks what became of it is told. */
  async function get({ accountId }: Pick<Caller, "accountId">, id: string): Promise<PreparedJson> {
    const answer = await single.read(id);
    return assertKnown(answer?.accountId === accountId ? answer : undefined);
  }

  async function list({ accountId }: Pick<Caller, "accountId">, asked: ListDistributionsQuery): Promise<PreparedJson> {
    const page = await pages.read(accountId, asked);
    if (page === undefined) throw new Error("a page is there, and be it empty");
    return page;
  }

  return { get, list };
}
