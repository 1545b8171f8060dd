// Which accounts have a quota, and whether they are cut off: read across accounts, their owners and the quotas of operators.
import { z } from "zod";
import type { Reads } from "../../database/transaction.ts";
import { platformRoles } from "../../http/caller.ts";
import { type DefaultQuotas, defaultQuotaOf, type Quota } from "./quota-rules.ts";

export interface Standing {
  readonly accountId: string;
  readonly accountName: string;
  readonly quota: Quota;
  readonly cutOffAt: Date | null;
}

const standingRow = z.object({
  id: z.uuid(),
  name: z.string(),
  cut_off_at: z.date().nullable(),
  is_own: z.boolean(),
  requests: z.number().nullable(),
  bytes: z.number().nullable(),
  cuts_off: z.boolean().nullable(),
  roles: z.array(z.enum(platformRoles)),
});

const STANDING = `
  select a.id, a.name, a.cut_off_at, q.account_id is not null as is_own, q.requests, q.bytes, q.cuts_off,
    array(select u.platform_role from membership m join "user" u on u.id = m.user_id
      where m.account_id = a.id and m.role = 'owner' and u.suspended_at is null) as roles
  from account a left join usage_quota q on q.account_id = a.id
  where a.deleted_at is null`;

export interface StandingsPage {
  /** Those alone that an operator has given a quota, or that are cut off. */
  readonly isExceptional: boolean;
  readonly after: string | undefined;
  readonly limit: number;
}

/** By the ids of the accounts. */
export async function findStandings(
  reads: Reads,
  defaults: DefaultQuotas,
  { isExceptional, after, limit }: StandingsPage,
): Promise<readonly Standing[]> {
  return ask(reads, defaults, {
    condition: `a.id > ? ${isExceptional ? "and (q.account_id is not null or a.cut_off_at is not null)" : ""}`,
    bindings: [after ?? "00000000-0000-0000-0000-000000000000"],
    limit,
  });
}

export async function findStanding(
  reads: Reads,
  defaults: DefaultQuotas,
  accountId: string,
): Promise<Standing | undefined> {
  return (await ask(reads, defaults, { condition: "a.id = ?", bindings: [accountId], limit: 1 }))[0];
}

async function ask(
  reads: Reads,
  defaults: DefaultQuotas,
  { condition, bindings, limit }: { condition: string; bindings: readonly string[]; limit: number },
): Promise<readonly Standing[]> {
  const answer: unknown = await reads.raw(`${STANDING} and ${condition} order by a.id limit ?`, [...bindings, limit]);
  const { rows } = z.object({ rows: z.array(standingRow) }).parse(answer);
  return rows.map(({ id, name, cut_off_at, is_own, requests, bytes, cuts_off, roles }) => ({
    accountId: id,
    accountName: name,
    cutOffAt: cut_off_at,
    quota: is_own
      ? { requests, bytes, cutsOff: cuts_off ?? false, source: "account" }
      : defaultQuotaOf(roles, defaults),
  }));
}
