// What makes a record new, and the arithmetic of the state hash. No input or output.
import { STATE_HASH_MODULUS, stateHashTerm } from "../../../agents/contract.ts";

/** What a record was compiled from, and by what. */
export interface Provenance {
  readonly sourceVersion: number;
  readonly compilerVersion: number;
}

export interface Content extends Provenance {
  readonly op: "put" | "del";
  readonly hash: string;
}

/**
 * `append`: give it a revision. `unchanged`: newer, but says the same. `stale`: compiled from no more than what is there
 * already, so an old snapshot that was compiled late loses.
 */
export function decideAppend(last: Content | undefined, next: Content): "append" | "unchanged" | "stale" {
  if (last === undefined) return next.op === "put" ? "append" : "unchanged";
  if (!isNewer(next, last)) return "stale";
  return next.op === last.op && next.hash === last.hash ? "unchanged" : "append";
}

function isNewer(next: Provenance, last: Provenance): boolean {
  if (next.sourceVersion !== last.sourceVersion) return next.sourceVersion > last.sourceVersion;
  return next.compilerVersion > last.compilerVersion;
}

export const EMPTY_STATE_HASH = "0".repeat(64);

/** What a record adds to the state hash: tombstones nothing. */
export function termOf(record: Parameters<typeof stateHashTerm>[0] & { readonly op: "put" | "del" }): bigint {
  return record.op === "put" ? stateHashTerm(record) : 0n;
}

export function addToStateHash(stateHash: string, delta: bigint): string {
  const sum = (BigInt(`0x${stateHash}`) + delta) % STATE_HASH_MODULUS;
  const positive = sum < 0n ? sum + STATE_HASH_MODULUS : sum;
  return positive.toString(16).padStart(64, "0");
}

const CHECKPOINT_CHANGES_MIN = 1_000;
const CHECKPOINT_CHANGES_SHARE = 0.1;

/** A checkpoint is worth its cost once many records changed, measured by how many there are. */
export function isCheckpointDue(scope: { rev: number; checkpointRev: number; liveRecords: number }): boolean {
  const changes = scope.rev - scope.checkpointRev;
  return changes > Math.max(CHECKPOINT_CHANGES_MIN, CHECKPOINT_CHANGES_SHARE * scope.liveRecords);
}
