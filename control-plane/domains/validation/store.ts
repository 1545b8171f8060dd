// The domain_validation table: what the newest look at each claimed name found, and when the next one is due.
import { z } from "zod";
import type { Reads, Tx } from "../../database/transaction.ts";
import { type Report, reportSchema } from "./schema.ts";

interface ValidationRow {
  readonly domain_id: string;
  /** When the newest look that is kept here began; null: nobody has looked yet. */
  readonly checked_at: Date | null;
  readonly next_check_at: Date;
  readonly asked_at: Date | null;
  readonly failures: number;
  readonly pointing_since: Date | null;
  readonly away_since: Date | null;
  readonly warned_at: Date | null;
  readonly report: unknown;
}

export interface ValidationRecord extends Omit<ValidationRow, "report"> {
  readonly report: Report | null;
}

export async function insertValidation(tx: Tx, domainId: string, now: Date): Promise<void> {
  await tx("domain_validation").insert({ domain_id: domainId, next_check_at: now }).onConflict("domain_id").ignore();
}

export async function findValidation(reads: Reads, domainId: string): Promise<ValidationRecord | undefined> {
  const row = await reads<ValidationRow>("domain_validation").where({ domain_id: domainId }).first();
  return row && recordOf(row);
}

export async function lockValidations(
  tx: Tx,
  domainIds: readonly string[],
): Promise<ReadonlyMap<string, ValidationRecord>> {
  const rows = await tx<ValidationRow>("domain_validation")
    .whereIn("domain_id", domainIds)
    .orderBy("domain_id")
    .forUpdate();
  return new Map(rows.map((row) => [row.domain_id, recordOf(row)]));
}

export async function updateValidation(
  tx: Tx,
  domainId: string,
  { report, ...changes }: Omit<Partial<ValidationRecord>, "domain_id">,
): Promise<void> {
  await tx("domain_validation")
    .where({ domain_id: domainId })
    .update({ ...changes, ...(report === undefined ? {} : { report: JSON.stringify(report) }) });
}

/** False: somebody asked for a look since. */
export async function noteAsked(
  tx: Tx,
  domainId: string,
  { since, now }: { since: Date; now: Date },
): Promise<boolean> {
  const noted = await tx("domain_validation")
    .where({ domain_id: domainId })
    .where((either) => either.whereNull("asked_at").orWhere("asked_at", "<=", since))
    .update({ asked_at: now });
  return noted > 0;
}

/**
 * The names that are due, put off to `until` so that nobody else takes them meanwhile: should the look be lost, it comes
 * again then.
 */
export async function takeDue(
  tx: Tx,
  { now, until, limit }: { now: Date; until: Date; limit: number },
): Promise<readonly string[]> {
  const answer: unknown = await tx.raw(
    `with due as (
       select domain_id from domain_validation where next_check_at <= ? order by next_check_at limit ?
       for update skip locked
     ), taken as (
       update domain_validation set next_check_at = ? from due where domain_validation.domain_id = due.domain_id
       returning domain_validation.domain_id
     )
     select distinct name from domain join taken on domain.id = taken.domain_id order by name`,
    [now, limit, until],
  );
  return z
    .object({ rows: z.array(z.object({ name: z.string() })) })
    .parse(answer)
    .rows.map(({ name }) => name);
}

function recordOf(row: ValidationRow): ValidationRecord {
  return { ...row, report: reportSchema.nullable().parse(row.report) };
}
