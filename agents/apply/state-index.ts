// What this edge holds, without the bodies: per record its revision and hash, and the state hash kept as they change.
import { type FeedRecord, type RecordKind, STATE_HASH_MODULUS, stateHashTerm } from "../contract.ts";

export interface Held {
  readonly kind: RecordKind;
  readonly id: string;
  readonly rev: number;
  readonly hash: string;
}

export interface StateIndex {
  find(record: Pick<Held, "kind" | "id">): Held | undefined;
  /** Takes a record that is newer than what is held; a tombstone removes. */
  take(record: Pick<FeedRecord, "kind" | "id" | "rev" | "op" | "hash">): void;
  list(): IterableIterator<Held>;
  /** As the contract defines it: 64 hex digits. */
  stateHash(): string;
  documents(): number;
}

export function createStateIndex(): StateIndex {
  const held = new Map<string, Held>();
  let sum = 0n;
  let documents = 0;

  function drop(key: string): void {
    const old = held.get(key);
    if (old === undefined) return;
    held.delete(key);
    sum = (sum + STATE_HASH_MODULUS - stateHashTerm(old)) % STATE_HASH_MODULUS;
    if (old.kind === "document") documents -= 1;
  }

  return {
    find: (record) => held.get(keyOf(record)),
    take: (record) => {
      const key = keyOf(record);
      drop(key);
      if (record.op === "del") return;
      held.set(key, { kind: record.kind, id: record.id, rev: record.rev, hash: record.hash });
      sum = (sum + stateHashTerm(record)) % STATE_HASH_MODULUS;
      if (record.kind === "document") documents += 1;
    },
    list: () => held.values(),
    stateHash: () => sum.toString(16).padStart(64, "0"),
    documents: () => documents,
  };
}

export function keyOf(record: Pick<Held, "kind" | "id">): string {
  return `${record.kind}|${record.id}`;
}
