// The invitation table. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../database/columns.ts";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../database/paging.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import type { AccountRole } from "../../http/caller.ts";
import type { InvitationStatus } from "./invitation-schema.ts";

class InvitationModel extends Model {
  static override tableName = "invitation";
  static override columnNameMappers = snakeCaseMappers();

  declare id: string;
  declare accountId: string;
  declare email: string;
  declare role: AccountRole;
  /** `expired` is written when another invitation takes its place; until then the end of a pending one tells. */
  declare status: InvitationStatus;
  declare tokenHash: string;
  declare invitedBy: string;
  /** How often it was mailed. */
  declare mails: number;
  declare createdAt: Date;
  declare mailedAt: Date;
  declare expiresAt: Date;
  declare endedAt: Date | null;
  /** Only in lists: where the row stands in them. */
  declare pageKey?: string;
}
export type InvitationRecord = Omit<Columns<InvitationModel>, "pageKey">;

export async function insertInvitation(tx: Tx, invitation: InvitationRecord): Promise<void> {
  await InvitationModel.query(tx).insert(invitation);
}

export async function updateInvitation(
  tx: Tx,
  id: string,
  changes: Partial<Pick<InvitationRecord, "status" | "tokenHash" | "mails" | "mailedAt" | "expiresAt" | "endedAt">>,
): Promise<void> {
  await InvitationModel.query(tx).patch(changes).where({ id });
}

export async function findInvitation(reads: Reads, id: string): Promise<InvitationRecord | undefined> {
  return InvitationModel.query(reads).findById(id);
}

export async function findInvitationByToken(reads: Reads, tokenHash: string): Promise<InvitationRecord | undefined> {
  return InvitationModel.query(reads).findOne({ token_hash: tokenHash });
}

/** Whether its time is over already or not. */
export async function findPendingInvitation(
  reads: Reads,
  accountId: string,
  email: string,
): Promise<InvitationRecord | undefined> {
  return InvitationModel.query(reads)
    .where({ account_id: accountId, status: "pending" })
    .whereRaw("lower(email) = lower(?)", [email])
    .first();
}

export async function countInvitationsSince(reads: Reads, accountId: string, since: Date): Promise<number> {
  return InvitationModel.query(reads).where({ account_id: accountId }).where("created_at", ">", since).resultSize();
}

export interface ListedInvitation {
  readonly id: string;
  readonly page_key: string;
  readonly record: InvitationRecord;
}

/** One row more than the page holds. */
export async function findInvitations(
  reads: Reads,
  { accountId, status, now }: { accountId: string; status: InvitationStatus | undefined; now: Date },
  page: PageQuery,
): Promise<readonly ListedInvitation[]> {
  const query = InvitationModel.query(reads)
    .select("invitation.*", InvitationModel.raw(PAGE_KEY))
    .where({ account_id: accountId })
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  if (status === "pending") query.where({ status }).where("expires_at", ">", now);
  else if (status === "expired") {
    query.where((either) =>
      either.where({ status }).orWhere((over) => over.where({ status: "pending" }).where("expires_at", "<=", now)),
    );
  } else if (status !== undefined) query.where({ status });
  const records = await query;
  return records.map((record) => ({ id: record.id, page_key: record.pageKey ?? "", record }));
}

export async function revokeAllInvitations(tx: Tx, accountId: string, now: Date): Promise<void> {
  await InvitationModel.query(tx)
    .patch({ status: "revoked", endedAt: now })
    .where({ account_id: accountId, status: "pending" });
}

/** What somebody has given out and could not give out any more ends with their right to. */
export async function revokeInvitationsOutOfReach(
  tx: Tx,
  giver: { readonly accountId: string; readonly userId: string },
  roles: readonly AccountRole[],
  now: Date,
): Promise<void> {
  await InvitationModel.query(tx)
    .patch({ status: "revoked", endedAt: now })
    .where({ account_id: giver.accountId, invited_by: giver.userId, status: "pending" })
    .whereIn("role", [...roles]);
}
