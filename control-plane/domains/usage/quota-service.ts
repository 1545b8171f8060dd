// Quotas: read by accounts, set by operators.
import { Problem } from "../../../platform/problem.ts";
import type { ClickHouse } from "../../database/clickhouse.ts";
import { type Database, inTransaction, type Tx } from "../../database/transaction.ts";
import type { Actor, Caller } from "../../http/caller.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { lockAccount } from "../account/index.ts";
import { differences, recordAudit } from "../audit/index.ts";
import type { ReportQueries } from "../report/index.ts";
import { askAtOnce, askInTurn, type Counts, createCounts } from "./counted.ts";
import { checkQuotaJob } from "./jobs.ts";
import { type Month, monthOf, periodOf } from "./month.ts";
import { unknownAccount, unknownQuota } from "./problems.ts";
import type { DefaultQuotas, Used } from "./quota-rules.ts";
import type { QuotaInput, QuotasQuery } from "./quota-schema.ts";
import { deleteQuota, findOwnQuota, type UsageQuotaRecord, upsertQuota } from "./quota-store.ts";
import type { Page } from "./service.ts";
import { findStanding, findStandings, type Standing } from "./standings.ts";

export interface QuotaOfMonth extends Standing {
  readonly month: Month;
  readonly used: Used;
}

export type QuotaService = ReturnType<typeof createQuotaService>;

export function createQuotaService({
  db,
  clickhouse,
  queries,
  defaults,
  clock,
}: {
  db: Database;
  clickhouse: ClickHouse;
  queries: Pick<ReportQueries, "rows">;
  defaults: DefaultQuotas;
  clock: () => Date;
}) {
  const counts = createCounts(askAtOnce(clickhouse));

  /** As the account itself asks. */
  function getOwn({ accountId }: Pick<Caller, "accountId">, signal: AbortSignal): Promise<QuotaOfMonth> {
    return find(accountId, createCounts(askInTurn(queries, accountId)), signal);
  }

  /** As an operator asks. */
  function get(accountId: string, signal: AbortSignal): Promise<QuotaOfMonth> {
    return find(accountId, counts, signal);
  }

  async function find(accountId: string, asked: Counts, signal: AbortSignal): Promise<QuotaOfMonth> {
    const standing = await findStanding(db, defaults, accountId);
    const [found] = standing === undefined ? [] : await withUse([standing], asked, signal);
    if (found === undefined) throw noSuchAccount();
    return found;
  }

  /** Of the accounts that an operator has given a quota, or that are cut off. */
  async function list({ cursor, limit }: QuotasQuery, signal: AbortSignal): Promise<Page<QuotaOfMonth>> {
    const found = await findStandings(db, defaults, { isExceptional: true, after: cursor, limit: limit + 1 });
    return { items: await withUse(found.slice(0, limit), counts, signal), hasMore: found.length > limit };
  }

  async function withUse(
    standings: readonly Standing[],
    asked: Counts,
    signal: AbortSignal,
  ): Promise<readonly QuotaOfMonth[]> {
    const month = monthOf(clock());
    const ids = standings.map(({ accountId }) => accountId);
    const used = await asked.used(periodOf(month), signal, ids);
    const nothing: Used = { requests: 0, bytes: 0 };
    return standings.map((standing) => ({ ...standing, month, used: used.get(standing.accountId) ?? nothing }));
  }

  /** What follows from it for the account is looked at next. */
  async function set(actor: Actor, accountId: string, input: QuotaInput): Promise<void> {
    await inTransaction(db, async (tx) => {
      await assertThere(tx, accountId);
      const before = await findOwnQuota(tx, accountId);
      const now = clock();
      const { requests, bytes, cuts_off: cutsOff } = input;
      const changes = differences(before && decided(before), input);
      if (changes.length === 0) return;
      const createdAt = before?.createdAt ?? now;
      await upsertQuota(tx, {
        accountId,
        requests,
        bytes,
        cutsOff,
        updatedBy: actor.userId,
        createdAt,
        updatedAt: now,
      });
      await follow(tx, actor, { action: "quota.set", accountId, changes });
    });
  }

  /** Back to what the role of its owners brings. */
  async function remove(actor: Actor, accountId: string): Promise<void> {
    await inTransaction(db, async (tx) => {
      await assertThere(tx, accountId);
      const before = await findOwnQuota(tx, accountId);
      if (before === undefined) throw new Problem(unknownQuota, "It has what its owners' role brings.");
      await deleteQuota(tx, accountId);
      const changes = differences(decided(before), undefined);
      await follow(tx, actor, { action: "quota.delete", accountId, changes });
    });
  }

  return { getOwn, get, list, set, remove };
}

/** Who sets a quota takes turns with others and with whoever cuts the account off. */
async function assertThere(tx: Tx, accountId: string): Promise<void> {
  if ((await lockAccount(tx, accountId)) === undefined) throw noSuchAccount();
}

function noSuchAccount(): Problem {
  return new Problem(unknownAccount, "No account has this id, or it was deleted.");
}

function decided({ requests, bytes, cutsOff }: UsageQuotaRecord): QuotaInput {
  return { requests, bytes, cuts_off: cutsOff };
}

async function follow(
  tx: Tx,
  actor: Actor,
  deed: { action: string; accountId: string; changes: ReturnType<typeof differences> },
): Promise<void> {
  await recordAudit(tx, actor, { ...deed, resourceType: "quota", resourceId: deed.accountId });
  await enqueueJob(tx, checkQuotaJob, { account_id: deed.accountId });
}
