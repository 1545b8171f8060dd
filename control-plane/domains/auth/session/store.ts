// The session table. Models stay in this file; others see records.
import { Model, snakeCaseMappers } from "objection";
import type { Columns } from "../../../database/columns.ts";
import { NEWEST_FIRST, PAGE_KEY, type PageQuery, rowsAfter } from "../../../database/paging.ts";
import { makeStale, type Reads, type Tx } from "../../../database/transaction.ts";

class SessionModel extends Model {
  static override tableName = "session";
  static override columnNameMappers = snakeCaseMappers();

  /** The `jti` of its token. */
  declare id: string;
  declare userId: string;
  /** How the person proved who they are. */
  declare method: "password" | "ethereum" | "openid" | "command";
  declare createdAt: Date;
  declare expiresAt: Date;
  declare endedAt: Date | null;
  declare clientAddress: string | null;
  declare userAgent: string | null;
  /** Selected for lists alone. */
  declare pageKey?: string;
}
export type SessionRecord = Omit<Columns<SessionModel>, "pageKey">;
/** The space of cached reads of sessions. */
export const SESSIONS = "session";
export type ListedSession = SessionRecord & { readonly page_key: string };

export async function insertSession(tx: Tx, session: SessionRecord): Promise<void> {
  await SessionModel.query(tx).insert(session);
}

/** Live or not. */
export async function findSession(reads: Reads, id: string): Promise<SessionRecord | undefined> {
  return SessionModel.query(reads).findById(id);
}

/** The live ones. */
export async function listSessions(
  reads: Reads,
  { userId, now, page }: { userId: string; now: Date; page: PageQuery },
): Promise<ListedSession[]> {
  const sessions = await SessionModel.query(reads)
    .select("session.*", SessionModel.raw(PAGE_KEY))
    .where({ user_id: userId, ended_at: null })
    .where("expires_at", ">", now)
    .whereRaw(...rowsAfter(page))
    .orderByRaw(NEWEST_FIRST)
    .limit(page.limit + 1);
  return sessions.map((session) => ({ ...session, page_key: session.pageKey ?? "" }));
}

/** Ends the user's live sessions that are meant, and tells how many those were. */
export async function endSessions(
  tx: Tx,
  { userId, which, now }: { userId: string; which: { id: string } | "all"; now: Date },
): Promise<number> {
  const query = tx("session").where({ user_id: userId, ended_at: null }).where("expires_at", ">", now);
  if (which !== "all") query.where({ id: which.id });
  const ended: { id: string }[] = await query.update({ ended_at: now }).returning("id");
  for (const { id } of ended) makeStale(tx, staleSession(id));
  return ended.length;
}

export async function deleteExpiredSessions(tx: Tx, now: Date): Promise<void> {
  await SessionModel.query(tx).delete().where("expires_at", "<=", now);
}

function staleSession(id: string): string {
  return `${SESSIONS}:${id}`;
}
