// Sessions: what a token stands for. Each is a row, so that a log-out holds whatever the caches forget (docs/adr/0012).
import { z } from "zod";
import { Problem } from "../../../../platform/problem.ts";
import type { Cache } from "../../../cache/cache.ts";
import { instant } from "../../../cache/instant.ts";
import type { PageQuery } from "../../../database/paging.ts";
import { type Database, inTransaction, type Tx } from "../../../database/transaction.ts";
import type { Actor, UserCaller } from "../../../http/caller.ts";
import { recordAudit } from "../../audit/index.ts";
import { unknownSession } from "../problems.ts";
import type { IssuedToken, Tokens } from "../token.ts";
import { actorOf, type Visit } from "../visit.ts";
import {
  endSessions,
  findSession,
  insertSession,
  type ListedSession,
  listSessions,
  SESSIONS,
  type SessionRecord,
} from "./store.ts";

/** Good for nothing until its session has begun. */
export interface PreparedToken extends IssuedToken {
  readonly userId: string;
}

export type Sessions = ReturnType<typeof createSessions>;

/** What each request with a token asks of its session. */
const knownSession = z.object({ id: z.uuid(), expiresAt: instant, endedAt: instant.nullable() });
type KnownSession = z.output<typeof knownSession>;

export function createSessions({
  db,
  clock,
  tokens,
  cache,
}: {
  db: Database;
  clock: () => Date;
  tokens: Tokens;
  cache: Pick<Cache, "space">;
}) {
  const known = cache.space(SESSIONS, { load: (id) => findSession(db, id), schema: knownSession });

  /** Signed before the transaction that begins the session: one connection must not wait for another to read the keys. */
  async function prepare(userId: string): Promise<PreparedToken> {
    return { ...(await tokens.issue(userId)), userId };
  }

  /** The session that the token stands for. */
  async function begin(
    tx: Tx,
    { sessionId: id, userId, expiresAt }: PreparedToken,
    { method, visit }: Pick<SessionRecord, "method"> & { visit: Visit },
  ): Promise<void> {
    const { clientAddress, userAgent } = visit;
    const times = { createdAt: clock(), expiresAt, endedAt: null };
    await insertSession(tx, { id, userId, method, ...times, clientAddress, userAgent });
    await recordAudit(tx, actorOf(userId, visit), {
      action: "session.create",
      accountId: null,
      resourceType: "session",
      resourceId: id,
      changes: [{ pointer: "/method", after: method }],
    });
  }

  /** Undefined: it has ended, expired, or never was. */
  async function findLive(id: string): Promise<KnownSession | undefined> {
    const session = await known.read(id);
    const isLive = session !== undefined && session.endedAt === null && session.expiresAt > clock();
    return isLive ? session : undefined;
  }

  function list(caller: UserCaller, page: PageQuery): Promise<ListedSession[]> {
    return listSessions(db, { userId: caller.userId, now: clock(), page });
  }

  function end(caller: UserCaller, id: string): Promise<void> {
    return inTransaction(db, async (tx) => {
      const ended = await endSessions(tx, { userId: caller.userId, which: { id }, now: clock() });
      if (ended === 0) throw new Problem(unknownSession, "You have no such session, or it has ended.");
      await recordAudit(tx, caller, {
        action: "session.end",
        accountId: null,
        resourceType: "session",
        resourceId: id,
        changes: [],
      });
    });
  }

  /** Every session of the user: when what protected them has changed. */
  async function endAll(tx: Tx, actor: Actor, userId: string): Promise<void> {
    const ended = await endSessions(tx, { userId, which: "all", now: clock() });
    await recordAudit(tx, actor, {
      action: "session.end-all",
      accountId: null,
      resourceType: "user",
      resourceId: userId,
      changes: [{ pointer: "/live_sessions", before: ended, after: 0 }],
    });
  }

  return { prepare, begin, findLive, list, end, endAll };
}
