// Who compiles while workers of two releases run together: the newer ones alone. An older one would take back what they
// made, and say of the canary's share that it is done. Whoever is there is known by the names of their connections.
import { z } from "zod";
import { COMPILER_VERSION } from "../../../edge-templates/index.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import { holdFeed } from "../feed/index.ts";

const NAME = "edgewright compiler ";

/** What the connections of a worker with this compiler are called in Postgres. */
export function compilerName(version: number = COMPILER_VERSION): string {
  return `${NAME}${version}`;
}

/**
 * The feed, held by someone who may compile for it. Throws while a newer worker is there: the job comes again, and to that
 * one sooner or later. After a release was taken back there is none, and what it has compiled is no reason to wait.
 */
export async function holdFeedToCompile(tx: Tx): ReturnType<typeof holdFeed> {
  const feed = await holdFeed(tx);
  if (feed.compiler_version <= COMPILER_VERSION) return feed;
  const newest = await findNewestCompiler(tx);
  if (newest <= COMPILER_VERSION) return feed;
  throw new Error(`this is for workers with compiler ${newest}, not ${COMPILER_VERSION}: they are there already`);
}

const namesSchema = z.array(z.object({ application_name: z.string() }));

async function findNewestCompiler(reads: Reads): Promise<number> {
  const rows: unknown = await reads("pg_stat_activity")
    .distinct("application_name")
    .whereRaw("datname = current_database()")
    .whereLike("application_name", `${NAME}%`);
  const versions = namesSchema.parse(rows).map((row) => Number(row.application_name.slice(NAME.length)));
  return Math.max(0, ...versions.filter(Number.isInteger));
}
