// The versions of a distribution: what it was, by whom, what differs, and how it gets back there.
import { Problem } from "../../../platform/problem.ts";
import type { NumberedRange } from "../../database/numbered-pages.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { type Difference, differences } from "../audit/index.ts";
import { changeDistribution } from "./change.ts";
import { partsOf } from "./configuration.ts";
import { unknownVersion } from "./problems.ts";
import { restore } from "./rollback.ts";
import type { AssertUnchanged, DistributionService } from "./service.ts";
import type { DistributionWithOrigins } from "./state.ts";
import { findVersion, findVersions, type ListedVersion, type VersionRecord } from "./version-store.ts";

export type VersionService = ReturnType<typeof createVersionService>;

export function createVersionService(
  { db, clock }: { db: Database; clock: () => Date },
  distributions: Pick<DistributionService, "get">,
) {
  async function list(caller: Caller, id: string, page: NumberedRange): Promise<readonly ListedVersion[]> {
    await distributions.get(caller, id);
    return findVersions(db, id, page);
  }

  async function get(caller: Caller, id: string, number: number): Promise<VersionRecord> {
    await distributions.get(caller, id);
    return known(await findVersion(db, id, number), number);
  }

  async function compare(
    caller: Caller,
    id: string,
    { from, to }: { from: number; to: number },
  ): Promise<readonly Difference[]> {
    const older = await get(caller, id, from);
    const newer = await get(caller, id, to);
    return differences(older.configuration, newer.configuration);
  }

  /** A version of its own: nothing is taken out of the history. */
  async function rollBack(
    caller: Caller,
    id: string,
    number: number,
    assertUnchanged?: AssertUnchanged,
  ): Promise<DistributionWithOrigins> {
    return inTransaction(db, async (tx) => {
      const version = await findVersion(tx, id, number);
      const parts = version && partsOf(version.configuration);
      const change = { id, action: "distribution.rollback", now: clock(), assertUnchanged };
      return changeDistribution(tx, caller, { ...change, columns: parts?.columns ?? {} }, () =>
        restore(tx, caller, change, known(parts, number)),
      );
    });
  }

  return { list, get, compare, rollBack };
}

function known<Found>(version: Found | undefined, number: number): Found {
  if (version === undefined) throw new Problem(unknownVersion, `The distribution has no version ${number}.`);
  return version;
}
