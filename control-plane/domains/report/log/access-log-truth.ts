// Which lines an edge may send: those about distributions that its group carries, on the account of their owner, and that
// count for no more than the group's sample. An edge that somebody took over can lie about its own traffic alone.
import { LRUCache } from "lru-cache";
import type { AccessLogRow, KeepRows } from "../../../../agents/contract.ts";
import type { Database } from "../../../database/transaction.ts";
import { findEverCarried } from "../../deployment/index.ts";
import { findOwners } from "../../distribution/index.ts";
import { findSamples } from "../../edge-node/index.ts";

const KNOWN_MAX = 100_000;
const KNOWN_TTL_MS = 10 * 60 * 1000;

/** For each batch anew. */
export type KeepTrue = (scope: string) => KeepRows;

/**
 * What was true of a line stays true, also when its distribution is deleted meanwhile: a batch that is sent again has the
 * rows that it had.
 */
export function createKeepTrue(db: Database): KeepTrue {
  /** Owners by `scope/distribution`. Only what is carried is kept: what is not may be in a moment. */
  const known = new LRUCache<string, string>({ max: KNOWN_MAX, ttl: KNOWN_TTL_MS });

  async function ownersOf(scope: string, ids: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
    const owners = new Map<string, string>();
    const unknown: string[] = [];
    for (const id of ids) {
      const owner = known.get(`${scope}/${id}`);
      if (owner === undefined) unknown.push(id);
      else owners.set(id, owner);
    }
    if (unknown.length === 0) return owners;
    const found = await findOwners(db, [...(await findEverCarried(db, scope, unknown))]);
    for (const [id, owner] of found) {
      known.set(`${scope}/${id}`, owner);
      owners.set(id, owner);
    }
    return owners;
  }

  return (scope) => {
    let sought: Promise<ReadonlySet<number>> | undefined;
    // Most groups log everything, and nothing is asked.
    const samplesOf = (rows: readonly AccessLogRow[]) => {
      if (rows.every(({ weight }) => weight === 1)) return new Set();
      sought ??= findSamples(db, scope);
      return sought;
    };
    return async (rows) => {
      const owners = await ownersOf(scope, new Set(rows.map((row) => row.distribution_id)));
      const samples = await samplesOf(rows);
      return rows.filter(
        ({ account_id, distribution_id, weight }) =>
          owners.get(distribution_id) === account_id && (weight === 1 || samples.has(weight)),
      );
    };
  };
}
