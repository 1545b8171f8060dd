// Appending to one scope of the feed: under the scope's lock a batch gets the next revisions, without gaps and in the
// order of commits, so that whoever reads up to a revision has seen everything before it.
import { hashOf, type RecordKind, recordSigningText } from "../../../agents/contract.ts";
import type { Tx } from "../../database/transaction.ts";
import { addToStateHash, type Content, decideAppend, type Provenance, termOf } from "./rules.ts";
import type { FeedSigner } from "./signer.ts";
import {
  advanceProvenance,
  findRecordHeads,
  type RecordHead,
  type RecordRow,
  type ScopeRow,
  updateScope,
  upsertRecords,
} from "./store.ts";

/** What one transaction appends at most: it holds the scope's lock for some 100 ms then. */
export const BATCH_MAX = 500;

export interface Candidate extends Content {
  readonly kind: RecordKind;
  readonly id: string;
  readonly body: string;
}

/** A record as it is to be appended. Without a body it goes: a tombstone has none. */
export function candidate(
  key: { readonly kind: RecordKind; readonly id: string },
  body: string,
  provenance: Provenance,
): Candidate {
  return { ...key, ...provenance, op: body === "" ? "del" : "put", body, hash: hashOf(body) };
}

export interface AppendResult {
  readonly outcome: "append" | "unchanged" | "stale";
  /** Of the record as it stands now; 0 when there is none. */
  readonly rev: number;
}

export interface FeedWriter {
  readonly feedId: string;
  readonly signer: FeedSigner;
  readonly now: Date;
}

/** `scope` was locked in this transaction; candidates have different kinds or ids. Answers by `kind:id`. */
export async function appendRecords(
  tx: Tx,
  writer: FeedWriter,
  scope: ScopeRow,
  candidates: readonly Candidate[],
): Promise<ReadonlyMap<string, AppendResult>> {
  if (candidates.length > BATCH_MAX) throw new RangeError(`more than ${BATCH_MAX} records in a batch`);
  const heads = new Map((await findRecordHeads(tx, scope.scope, candidates)).map((head) => [keyOf(head), head]));
  const decided = candidates.map((candidate) => {
    const last = heads.get(keyOf(candidate));
    return { candidate, last, outcome: decideAppend(last && contentOf(last), candidate) };
  });
  const fresh = decided.filter(({ outcome }) => outcome === "append");
  const records = fresh.map(({ candidate }, index) => signedRecord(writer, scope, candidate, scope.rev + index + 1));

  await upsertRecords(tx, records);
  await advanceProvenance(
    tx,
    scope.scope,
    decided.flatMap(({ candidate, outcome }) => (outcome === "unchanged" ? [provenanceOf(candidate)] : [])),
  );
  await moveScope(
    tx,
    scope,
    records,
    fresh.flatMap(({ last }) => last ?? []),
  );

  const revs = new Map(records.map((record) => [keyOf(record), record.rev]));
  return new Map(
    decided.map(({ candidate, last, outcome }) => {
      const key = keyOf(candidate);
      return [key, { outcome, rev: revs.get(key) ?? last?.rev ?? 0 }];
    }),
  );
}

/** The scope's counters after `records` took the place of `replaced`. */
export async function moveScope(
  tx: Tx,
  scope: ScopeRow,
  records: readonly RecordRow[],
  replaced: readonly RecordHead[],
): Promise<void> {
  const newest = records.at(-1);
  if (newest === undefined) return;
  const sum = (rows: readonly RecordHead[]) => rows.reduce((total, row) => total + termOf(row), 0n);
  const live = (rows: readonly RecordHead[]) => rows.filter((row) => row.op === "put").length;
  await updateScope(tx, scope.scope, {
    rev: newest.rev,
    state_hash: addToStateHash(scope.state_hash, sum(records) - sum(replaced)),
    live_records: scope.live_records + live(records) - live(replaced),
  });
}

export function signedRecord(writer: FeedWriter, scope: ScopeRow, content: Candidate, rev: number): RecordRow {
  const { kind, id, op, hash, body } = content;
  const feed = { feedId: writer.feedId, scope: scope.scope };
  return {
    ...{ scope: scope.scope, kind, id, rev, op, hash, body },
    signature: writer.signer.sign(recordSigningText(feed, { kind, id, rev, op, hash })),
    feed_id: writer.feedId,
    source_version: content.sourceVersion,
    compiler_version: content.compilerVersion,
    appended_at: writer.now,
  };
}

export function keyOf({ kind, id }: { kind: RecordKind; id: string }): string {
  return `${kind}:${id}`;
}

function contentOf(head: RecordHead): Content {
  const { op, hash, source_version: sourceVersion, compiler_version: compilerVersion } = head;
  return { op, hash, sourceVersion, compilerVersion };
}

function provenanceOf(candidate: Candidate) {
  const { kind, id, sourceVersion, compilerVersion } = candidate;
  return { kind, id, source_version: sourceVersion, compiler_version: compilerVersion };
}
