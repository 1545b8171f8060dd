// What the gateway reads of the feed: where every scope stands, and the changes after a revision.
import { z } from "zod";
import { recordKinds } from "../../../agents/contract.ts";
import type { Database } from "../../database/transaction.ts";
import type { EncodedRecord } from "./tail.ts";

const headSchema = z.object({
  scope: z.uuid(),
  rev: z.number(),
  floor_rev: z.number(),
  checkpoint_rev: z.number(),
});
const feedSchema = z.object({ feed_id: z.uuid(), rebuilding: z.boolean(), scopes: z.array(headSchema) });

export type ScopeHead = z.output<typeof headSchema>;

export interface FeedHeads {
  readonly feedId: string;
  readonly rebuilding: boolean;
  readonly scopes: ReadonlyMap<string, ScopeHead>;
}

/** One query for all scopes. Undefined: no feed was made yet. */
export async function readHeads(db: Database, timeoutMs: number): Promise<FeedHeads | undefined> {
  const row: unknown = await db("feed")
    .first(
      "feed_id",
      "rebuilding",
      db.raw(`coalesce((select json_agg(json_build_object('scope', scope, 'rev', rev, 'floor_rev', floor_rev,
                                                          'checkpoint_rev', checkpoint_rev)) from feed_scope),
                       '[]') as scopes`),
    )
    .timeout(timeoutMs);
  if (row === undefined) return undefined;
  const { feed_id: feedId, rebuilding, scopes } = feedSchema.parse(row);
  return { feedId, rebuilding, scopes: new Map(scopes.map((head) => [head.scope, head])) };
}

export interface ChangesPage {
  readonly feedId: string;
  readonly rebuilding: boolean;
  readonly head: ScopeHead;
  /** Everything up to here is in `records`. */
  readonly to: number;
  readonly records: readonly EncodedRecord[];
}

const RECORDS_PER_READ = 1_000;
// Bodies grow when they are encoded; the answer stays below CHANGES_BYTES_MAX.
const BYTES_PER_READ = 1.5 * 1024 * 1024;

const pageSchema = z.object({
  rows: z.array(
    headSchema.extend({
      feed_id: z.uuid(),
      rebuilding: z.boolean(),
      record: z
        .object({
          kind: z.enum(recordKinds),
          id: z.uuid(),
          rev: z.number(),
          op: z.enum(["put", "del"]),
          hash: z.string(),
          signature: z.string(),
          body: z.string(),
        })
        .nullable(),
    }),
  ),
});

/** The head and the changes are of one moment, because they come from one statement. Undefined: no such scope. */
export async function readChanges(db: Database, scope: string, since: number): Promise<ChangesPage | undefined> {
  const result: unknown = await db.raw(
    `select f.feed_id, f.rebuilding, s.scope, s.rev, s.floor_rev, s.checkpoint_rev, r.record
     from feed f
     cross join feed_scope s
     left join lateral (
       select json_build_object('kind', kind, 'id', id, 'rev', rev, 'op', op, 'hash', hash, 'signature', signature,
                                'body', body) as record
       from (
         select *, sum(octet_length(body)) over (order by rev) - octet_length(body) as bytes_before
         from (select * from feed_record where scope = s.scope and rev > :since and feed_id = f.feed_id
               order by rev limit :limit) newest
       ) counted
       where bytes_before < :bytes
       order by rev
     ) r on true
     where s.scope = :scope`,
    { scope, since, limit: RECORDS_PER_READ, bytes: BYTES_PER_READ },
  );
  const { rows } = pageSchema.parse(result);
  const [first] = rows;
  if (first === undefined) return undefined;
  const { feed_id: feedId, rebuilding, record: _, ...head } = first;
  const found = rows.flatMap((row) => row.record ?? []);
  const bytes = found.reduce((sum, record) => sum + Buffer.byteLength(record.body), 0);
  const isWhole = found.length < RECORDS_PER_READ && bytes < BYTES_PER_READ;
  return {
    ...{ feedId, rebuilding, head },
    to: isWhole ? head.rev : (found.at(-1)?.rev ?? head.rev),
    records: found.map((record) => ({
      rev: record.rev,
      key: `${record.kind}:${record.id}`,
      json: Buffer.from(JSON.stringify(record)),
    })),
  };
}
