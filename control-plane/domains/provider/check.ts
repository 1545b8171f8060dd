// Whether a provider answers to our credentials: one harmless request.
import { type Database, inTransaction } from "../../database/transaction.ts";
import { type ApiSettings, openApi } from "./apis.ts";
import { ProviderError, type ProviderName } from "./statistics.ts";
import { findProvider, recordFinding } from "./store.ts";

export async function checkHealth(
  settings: ApiSettings & { readonly db: Database },
  name: ProviderName,
  signal: AbortSignal,
): Promise<void> {
  const { db, clock } = settings;
  const provider = await findProvider(db, name);
  if (provider === undefined || !provider.isEnabled) return;
  const error = await faultOf(openApi(provider, settings).check(signal));
  const finding = { isHealthy: error === null, checkedAt: clock(), checkError: error };
  await inTransaction(db, (tx) => recordFinding(tx, provider, finding));
}

async function faultOf(checked: Promise<void>): Promise<string | null> {
  try {
    await checked;
    return null;
  } catch (error) {
    if (error instanceof ProviderError) return error.message;
    throw error;
  }
}
