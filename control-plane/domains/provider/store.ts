// The provider table. Models stay in this file; others see records, whose JSON columns were parsed on the way out.
import { Model, snakeCaseMappers } from "objection";
import { type Sealed, sealedSchema } from "../../../platform/seal.ts";
import type { Columns } from "../../database/columns.ts";
import type { Reads, Tx } from "../../database/transaction.ts";
import type { ProviderName } from "./statistics.ts";

class ProviderModel extends Model {
  static override tableName = "provider";
  static override idColumn = "name";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["settings", "credentialsSealed"];

  declare name: ProviderName;
  declare isEnabled: boolean;
  /** What an operator set. */
  declare settings: unknown;
  declare credentialsSealed: Sealed;
  /** Null: not looked at since it was changed. */
  declare isHealthy: boolean | null;
  declare checkedAt: Date | null;
  declare checkError: string | null;
  declare syncedAt: Date | null;
  declare syncError: string | null;
  declare updatedBy: string | null;
  declare createdAt: Date;
  declare updatedAt: Date;
}
export type ProviderRecord = Columns<ProviderModel>;
export type ProviderChanges = Partial<Omit<ProviderRecord, "name" | "createdAt">>;

export async function findProviders(reads: Reads): Promise<readonly ProviderRecord[]> {
  return (await ProviderModel.query(reads).orderBy("name")).map(parsed);
}

export async function findProvider(reads: Reads, name: ProviderName): Promise<ProviderRecord | undefined> {
  const row = await ProviderModel.query(reads).findById(name);
  return row && parsed(row);
}

/** For whoever changes it or its links: two of them take turns. */
export async function lockProvider(tx: Tx, name: ProviderName): Promise<ProviderRecord | undefined> {
  const row = await ProviderModel.query(tx).findById(name).forNoKeyUpdate();
  return row && parsed(row);
}

/** There may be no row to lock yet: held until the transaction ends. */
export async function lockName(tx: Tx, name: ProviderName): Promise<void> {
  await tx.raw("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`provider:${name}`]);
}

export async function insertProvider(tx: Tx, provider: ProviderRecord): Promise<void> {
  await ProviderModel.query(tx).insert(provider);
}

export async function updateProvider(tx: Tx, name: ProviderName, changes: ProviderChanges): Promise<void> {
  await ProviderModel.query(tx).findById(name).patch(changes);
}

/** What was found out about settings that were changed meanwhile is not said of the new ones. */
export async function recordFinding(
  tx: Tx,
  { name, updatedAt }: Pick<ProviderRecord, "name" | "updatedAt">,
  finding: ProviderChanges,
): Promise<void> {
  await ProviderModel.query(tx).patch(finding).where({ name, updated_at: updatedAt });
}

function parsed(row: ProviderModel): ProviderRecord {
  return { ...row, credentialsSealed: sealedSchema.parse(row.credentialsSealed) };
}
